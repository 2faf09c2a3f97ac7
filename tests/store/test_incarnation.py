"""An account that has lost some of its past, or may have, gives out nothing again and lets everybody ask."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Refused
from pillarbox.store import changes, files, flags, handles, incarnation, known, mailboxes, messages, snapshots
from pillarbox.store.check import check
from pillarbox.store.engine import sqlite
from pillarbox.store.incarnation import UNKNOWN
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import staged

ACCOUNT = 7
NOW = 1_700_000_000
MESSAGE = staged(b"Subject: x\r\n\r\nx\r\n")


class Data:
    """A data folder, and what an account in it says of itself when it is opened."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.now = NOW
        self.folder = files.account_folder(data, ACCOUNT)

    def run(self, story: Callable[[Store], Awaitable[None]], *, killed: bool = False) -> None:
        async def told() -> None:
            store = Store(self.data, clock=lambda: self.now, sync=lambda fd: None)
            await store.open()
            if not self.folder.exists():
                await store.create_account(ACCOUNT)
            await story(store)
            if killed:
                for handle in store._handles._open.values():
                    handle.rooted = False  # it has no time to take its leave
            await store.close()

        asyncio.run(told())
        assert check(self.folder, clock=lambda: self.now) == []

    def state(self) -> tuple[int, int, str, set[int]]:
        """Mod-sequence, UIDNEXT, lineage, mod-sequences of messages, as somebody sees who only reads."""
        found: list[tuple[int, int, str, set[int]]] = []

        async def look(store: Store) -> None:
            inbox = await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
            columns = await store.columns(ACCOUNT, SERVER, inbox.id)
            row = await store.read(ACCOUNT, incarnation.lineage)
            found.append((columns.modseq, inbox.uidnext, row, set(columns.modseqs)))

        self.run(look)
        return found[0]


async def fill(store: Store) -> None:
    inbox = await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
    for _ in range(3):
        await store.write(ACCOUNT, messages.append, SERVER, inbox.id, MESSAGE)
    await store.write(
        ACCOUNT, flags.store_flags, SERVER, inbox.id, ((2, 2),), "add", ("\\Seen",), durable=False
    )


def leapt(before: tuple[int, int, str, set[int]], now: tuple[int, int, str, set[int]]) -> bool:
    """Whether everything went on far beyond; else nothing may have moved at all."""
    if now == before:
        return False
    assert now[0] >= before[0] + changes.LEAP
    assert now[1] >= before[1] + incarnation.AT_ONCE
    assert now[3] == {now[0]}
    return True


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path / "data")


def test_a_boot_after_a_proper_end_is_nothing_special(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    data.run(fill)
    before = data.state()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    assert not leapt(before, data.state())


def test_a_boot_after_a_power_cut_leaps_before_anything_is_read(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.run(fill, killed=True)
    before = data.state()  # in the same boot nothing was lost
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    now = data.state()
    assert leapt(before, now)
    assert now[2] == before[2]  # it is the same history
    assert not leapt(now, data.state())  # once is enough


def test_who_killed_processes_belong_to_is_forgotten(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    data.run(fill, killed=True)
    before = data.state()
    monkeypatch.setattr(incarnation, "_lives", lambda writer: False)
    data.run(fill)
    now = data.state()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    assert not leapt(now, data.state())
    assert now[0] > before[0]


def test_an_account_at_rest_has_nothing_to_lose(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "IDLE", 0.0)
    monkeypatch.setattr(handles, "TEND", 0.001)

    async def rest(store: Store) -> None:
        await fill(store)
        async with asyncio.timeout(20):
            while store._handles._open:  # noqa: ASYNC110  (checkpoints happen on another thread)
                await asyncio.sleep(0.002)
        assert (data.folder / "mail.db-wal").stat().st_size == 0

    data.run(rest, killed=True)
    before = data.state()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    assert not leapt(before, data.state())


@pytest.mark.parametrize("how", ["in a new folder", "over the files", "with all the data"])
def test_an_older_copy_is_seen(data: Data, tmp_path: Path, how: str) -> None:
    data.run(fill)
    shutil.copytree(data.data, tmp_path / "copy")
    data.run(fill)
    later = data.state()
    older = tmp_path / "copy" / data.folder.relative_to(data.data)
    if how == "with all the data":
        shutil.rmtree(data.data)
        shutil.copytree(tmp_path / "copy", data.data)
    elif how == "in a new folder":
        shutil.rmtree(data.folder)
        shutil.copytree(older, data.folder)
    else:
        birth = incarnation.birth(data.folder / "mail.db")
        for path in older.glob("mail.db*"):
            shutil.copyfile(path, data.folder / path.name)
        assert incarnation.birth(data.folder / "mail.db") == birth
    now = data.state()
    assert now[0] >= later[0] + (0 if how == "with all the data" else changes.LEAP)
    assert now[1] > later[1]
    assert now[2] != later[2]
    assert now[3] == {now[0]}
    assert not leapt(now, data.state())


@pytest.mark.parametrize("verb", ["changes nothing", "is refused"])
def test_who_was_about_to_change_something_has_lost_nothing(data: Data, verb: str) -> None:
    data.run(fill)
    before = data.state()

    async def nothing(store: Store) -> None:
        inbox = await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
        if verb == "changes nothing":
            await store.write(
                ACCOUNT, flags.store_flags, SERVER, inbox.id, ((2, 2),), "add", ("\\Seen",), durable=False
            )
        else:
            with pytest.raises(Refused):
                await store.write(ACCOUNT, messages.append, SERVER, inbox.id + 1000, MESSAGE)

    data.run(nothing, killed=True)
    assert data.state() == before


@pytest.mark.parametrize("durable", [True, False])
def test_a_copy_from_a_moment_ago_is_seen(data: Data, tmp_path: Path, durable: bool) -> None:
    """It is noted with the first change how far the account has come, not some time later."""
    data.run(fill)
    before = data.state()
    shutil.copytree(data.folder, tmp_path / "copy")

    async def change(store: Store) -> None:
        inbox = await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
        seen = flags.store_flags, SERVER, inbox.id, ((1, 1),), "add", ("\\Seen",)
        await store.write(ACCOUNT, *seen, durable=durable)

    data.run(change, killed=True)
    for path in (tmp_path / "copy").glob("mail.db*"):
        shutil.copyfile(path, data.folder / path.name)
    now = data.state()
    assert leapt(before, now)
    assert now[2] != before[2]


def test_who_come_at_once_leap_once(data: Data, tmp_path: Path) -> None:
    data.run(fill)
    shutil.copytree(data.folder, tmp_path / "copy")
    shutil.rmtree(data.folder)
    shutil.copytree(tmp_path / "copy", data.folder)
    found: list[int] = []

    async def together() -> None:
        stores = [Store(data.data, clock=lambda: data.now, sync=lambda fd: None) for _ in range(4)]
        for store in stores:
            await store.open()
        await asyncio.gather(*(store.read(ACCOUNT, mailboxes.list_all, SERVER) for store in stores))
        inbox = await stores[0].read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
        found.append(inbox.uidnext)
        for store in stores:
            await store.close()

    asyncio.run(together())
    data.run(fill)
    assert found[0] < 2 * incarnation.SINCE_COPIED


def test_snapshots_of_another_history_are_removed(data: Data, tmp_path: Path) -> None:
    data.run(fill)
    shutil.copytree(data.folder, tmp_path / "copy")
    shutil.rmtree(data.folder)
    shutil.copytree(tmp_path / "copy", data.folder)
    kept = snapshots.path_of(data.folder, 1)
    kept.parent.mkdir()
    kept.write_bytes(b"x")
    data.state()
    assert not kept.exists()


def test_what_nobody_can_see_can_be_said(data: Data) -> None:
    data.run(fill)
    before = data.state()
    data.run(lambda store: store.declare_restored(ACCOUNT))
    now = data.state()
    assert leapt(before, now)
    assert now[2] != before[2]


def test_what_is_known_is_whole_or_nothing(tmp_path: Path) -> None:
    assert known.find(tmp_path, 5) == known.Known()
    known.note(
        tmp_path, 5, known.Known("a" * 32, 9, 4, 7)
    )  # no such folder: nothing is kept, and nobody minds
    (tmp_path / known.FOLDER).mkdir()
    known.note(tmp_path, 5, known.Known("a" * 32, 9, 4, 7))
    assert known.find(tmp_path, 5) == known.Known("a" * 32, 9, 4, 7)
    path = tmp_path / known.FOLDER / "00000005"
    path.write_bytes(path.read_bytes()[:-1])
    assert known.find(tmp_path, 5) == known.Known()
    known.forget(tmp_path, 5)
    assert not path.exists()


def test_an_account_that_remembers_its_boot_alone(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    data.run(fill)

    def as_it_was(tx: Tx) -> None:
        tx.run("UPDATE account SET incarnation = ? WHERE account = ?", incarnation.boot_id(), tx.account)

    database = sqlite.open_account(data.folder)
    with database.transaction(write=True) as tx:
        as_it_was(tx)
    database.close()
    before = data.state()
    assert not leapt(before, data.state())
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    assert leapt(before, data.state())


def test_a_file_has_a_birth_of_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"x")
    birth = incarnation.birth(first)
    if birth == UNKNOWN:
        pytest.skip("this file system does not remember when a file was made")
    shutil.copy2(first, second)
    assert incarnation.birth(second) != birth
    first.rename(tmp_path / "third")
    assert incarnation.birth(tmp_path / "third") == birth


def test_a_file_system_without_births_leads_to_no_leap(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incarnation, "birth", lambda path: UNKNOWN)
    data.run(fill)
    before = data.state()
    assert not leapt(before, data.state())
    monkeypatch.undo()
    assert not leapt(before, data.state())


def test_a_copy_that_is_put_back_twice_leads_to_other_numbers(data: Data, tmp_path: Path) -> None:
    data.run(fill)
    shutil.copytree(data.data, tmp_path / "copy")
    ends = []
    for _ in range(2):
        shutil.rmtree(data.data)
        shutil.copytree(tmp_path / "copy", data.data)
        data.now += 60
        data.run(fill)
        ends.append(data.state())
    first, second = ends
    assert second[0] >= first[0] + changes.LEAP
    assert second[1] > first[1] + 900


def test_uids_near_their_end_do_not_leap_over_it(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    data.run(fill, killed=True)
    database = sqlite.open_account(data.folder)

    def far(tx: Tx) -> None:
        tx.run("UPDATE mailbox SET uidnext = ? WHERE account = ?", 2**32 - 100, tx.account)

    with database.transaction(write=True) as tx:
        far(tx)
    database.close()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "another-boot")
    assert data.state()[1] == 2**32 - 100
