"""What is written of orders and threads changes how long they take, and nothing else.

Each connection of these tests has a memory of its own, as each process of a server has.
"""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from pillarbox.imap import ordering, reading
from pillarbox.imap.openings import Openings
from pillarbox.imap.settings import Settings
from pillarbox.message.derive import derive
from pillarbox.model.actors import SERVER
from pillarbox.store import emails, files, incarnation, mailboxes, order_files, upkeep
from pillarbox.store.store import Store
from tests.imap import test_sort, test_thread
from tests.imap.conftest import ACCOUNT, NOW, Imap, Play, World
from tests.imap.test_sort import filled, naively, sorted_numbers

SORT = b"UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL"
CHOSEN = [("SUBJECT", False), ("DATE", True)]
THREAD = b"UID THREAD REFERENCES UTF-8 ALL"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few messages are a long mailbox, and every change is worth writing."""
    monkeypatch.setattr(order_files, "LEAST", 1)
    monkeypatch.setattr(ordering, "UNSAVED", 1)


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, nothing that is compared may be read."""

    def read(*_: object) -> None:
        raise AssertionError("messages are read")

    def begin() -> None:
        monkeypatch.setattr(reading, "pieces", read)

    return begin


def folder(world: World) -> Path:
    return files.account_folder(world.store.data, ACCOUNT) / order_files.FOLDER


async def ordered(user: Imap) -> list[int]:
    return sorted_numbers(await user.ok(SORT))


async def newcomer(world: World) -> Imap:
    """Somebody in another process, when all is written."""
    await world.store.order_files.stop()
    return await world.user(select=b"INBOX")


@pytest.mark.parametrize(
    "story",
    [
        test_sort.test_any_criteria_sort_as_the_rfc_says,
        test_sort.test_an_order_that_is_kept_is_brought_up_to_date,
        test_sort.test_messages_that_are_just_expunged_keep_the_others_in_order,
        test_sort.test_mod_sequences_are_sorted_by_and_told,
        test_thread.test_all_algorithms,
        test_thread.test_what_changes_is_threaded_again,
        test_thread.test_what_it_shares_with_sort,
    ],
)
def test_everything_is_as_without_files(play: Play, story: Callable[[Play], None]) -> None:
    story(play)


def test_another_process_need_not_read_the_messages(play: Play, nothing_read: Callable[[], None]) -> None:
    async def script(world: World) -> None:
        mails = await filled(world, random.Random(1), 30)
        first = await newcomer(world)
        told, threads = await ordered(first), await first.ok(THREAD)
        second = await newcomer(world)
        nothing_read()
        assert await ordered(second) == told == naively(mails, CHOSEN)
        assert await second.ok(THREAD) == threads

    play(script)


def test_a_file_is_brought_up_to_date(play: Play) -> None:
    """Each time somebody else comes, who knows what was written and no more."""

    async def script(world: World) -> None:
        rng = random.Random(12)
        mails = await filled(world, rng, 30)
        for come, gone in ((0, 0), (1, 0), (0, 1), (2, 3), (40, 0), (0, 20), (1, 1), (3, 0)):
            mails += await filled(world, rng, come, first=mails[-1].uid + 1)
            user = await newcomer(world)
            lost = {mail.uid for mail in rng.sample(mails[:-1], gone)}
            if lost:
                which = b",".join(b"%d" % uid for uid in lost)
                await user.ok(b"UID STORE " + which + b" +FLAGS.SILENT (\\Deleted)")
                await user.ok(b"EXPUNGE")
                mails = [mail for mail in mails if mail.uid not in lost]
            assert await ordered(user) == naively(mails, CHOSEN)
            assert await (await newcomer(world)).ok(THREAD) == await user.ok(THREAD)

    play(script)


@pytest.mark.parametrize("at", [0, 25, 55, 60, 70, 100, -1])
def test_a_damaged_file_is_none(play: Play, at: int) -> None:
    async def script(world: World) -> None:
        mails = await filled(world, random.Random(3), 20)
        threads = await (await newcomer(world)).ok(THREAD)
        assert await ordered(await newcomer(world)) == naively(mails, CHOSEN)
        await world.store.order_files.stop()
        whole = {path: path.read_bytes() for path in folder(world).iterdir()}
        for damage in ("changed", "half", "longer", "empty"):
            for path, octets in whole.items():
                changed = bytearray(octets)
                changed[at] ^= 0x40
                half, longer = octets[: len(octets) // 2], octets + b"\0" * 4
                choices = {"changed": bytes(changed), "half": half, "longer": longer, "empty": b""}
                path.write_bytes(choices[damage])
            user = await newcomer(world)
            assert await ordered(user) == naively(mails, CHOSEN)
            assert await user.ok(THREAD) == threads

    play(script)


async def lie(world: World, made: str) -> None:
    """A file of SORT that is whole, and has the mailbox in the order of its UIDs."""
    mailbox = (await world.store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id
    uids = await world.store.columns(ACCOUNT, SERVER, mailbox)
    numbers = uids.uids[0 : len(uids.uids)], array("i"), array("I", range(len(uids.uids)))
    world.store.order_files.save(ACCOUNT, mailbox, "SORT i;unicode-casemap SUBJECT -DATE", made, numbers)
    await world.store.order_files.stop()


def test_what_belongs_to_another_history_is_not_believed(play: Play) -> None:
    async def script(world: World) -> None:
        mails = await filled(world, random.Random(4), 20)
        before = await world.store.read(ACCOUNT, order_files.made)
        await lie(world, before)
        assert await ordered(await newcomer(world)) == [mail.uid for mail in mails]  # a lie of our own
        await world.store.declare_restored(ACCOUNT)
        assert not list(folder(world).iterdir())
        await lie(world, before)
        assert await ordered(await newcomer(world)) == naively(mails, CHOSEN)

    play(script)


def test_what_was_derived_by_older_code_is_not_believed(play: Play) -> None:
    async def script(world: World) -> None:
        mails = await filled(world, random.Random(5), 20)
        before = await world.store.read(ACCOUNT, order_files.made)
        await lie(world, before)
        [(email,), *_] = await world.store.read(
            ACCOUNT, lambda tx: tx.rows("SELECT id FROM email WHERE account = ? ORDER BY id", tx.account)
        )
        await world.store.write(ACCOUNT, emails.rederive, email, derive(mails[0].raw))
        assert await ordered(await newcomer(world)) == naively(mails, CHOSEN)
        assert await world.store.read(ACCOUNT, order_files.made) != before

    play(script)


def test_they_are_bounded_and_go_with_their_mailbox(play: Play) -> None:
    async def script(world: World) -> None:
        await filled(world, random.Random(6), 5)
        user = await newcomer(world)
        await user.ok(b"CREATE box")
        await user.ok(b"COPY 1:* box")
        for key in test_sort.KEYS:
            await user.ok(f"SORT ({key} REVERSE SIZE) UTF-8 ALL".encode())
            await world.store.order_files.stop()
        kept = {path.name for path in folder(world).iterdir()}
        assert len(kept) == order_files.MOST
        other = await world.user(select=b"box")
        await other.ok(SORT)
        await world.store.order_files.stop()
        (folder(world) / ".left-behind.12").touch()
        assert len(list(folder(world).iterdir())) == order_files.MOST + 2
        await other.ok(b"DELETE box")
        await upkeep.tidy(world.store, ACCOUNT)
        assert {path.name for path in folder(world).iterdir()} == kept

    play(script)


def test_short_mailboxes_have_none(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        monkeypatch.setattr(order_files, "LEAST", 6)
        mails = await filled(world, random.Random(7), 5)
        user = await newcomer(world)
        assert await ordered(user) == naively(mails, CHOSEN)
        await user.ok(THREAD)
        await world.store.order_files.stop()
        assert not folder(world).exists()

    play(script)


def test_after_a_power_cut_a_file_tells_nothing_of_new_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk keeps the file at once and the database as of an earlier sync: the worst that can happen. What
    was lost was in the file, and others come in its place."""
    account = files.account_folder(tmp_path, ACCOUNT)
    disk: dict[str, bytes] = {}
    rng = random.Random(8)

    async def world() -> World:
        store = Store(tmp_path, clock=lambda: NOW, sync=lambda fd: None)
        await store.open()
        return World(store, Settings("mail.example.org"), [float(NOW)], Openings())

    async def before() -> list[test_sort.Mail]:
        made = await world()
        await made.store.create_account(ACCOUNT)
        mails = await filled(made, rng, 20)
        disk.update({name: (account / name).read_bytes() for name in ("mail.db", "mail.db-wal")})
        await filled(made, rng, 5, first=21)
        assert len(await ordered(await newcomer(made))) == 25
        await made.store.close()
        return mails

    async def after(mails: list[test_sort.Mail]) -> None:
        made = await world()
        new = await filled(made, rng, 5)
        user = await newcomer(made)
        [line] = [line for line in await user.ok(b"UID SEARCH 21:*") if line.startswith(b"* SEARCH")]
        for mail, uid in zip(new, line.split()[2:]):
            mail.uid = int(uid)
        assert new[0].uid > 25
        assert await ordered(user) == naively(mails + new, CHOSEN)
        await made.store.close()

    mails = asyncio.run(before())
    assert list((account / order_files.FOLDER).iterdir())
    for name, octets in disk.items():
        (account / name).write_bytes(octets)
    (account / "mail.db-shm").unlink()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "the-next-boot")
    asyncio.run(after(mails))
