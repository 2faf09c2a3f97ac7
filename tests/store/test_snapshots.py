"""Snapshots change how long a mailbox takes to load, and nothing else."""

from __future__ import annotations

import asyncio
import os
import tempfile
from array import array
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import column
from pillarbox.model.actors import SERVER
from pillarbox.model.changes import Columns, Rows
from pillarbox.model.errors import Refused
from pillarbox.store import (
    changes,
    columns,
    files,
    flags,
    incarnation,
    mailboxes,
    messages,
    snapshots,
    upkeep,
)
from pillarbox.store.check import check
from pillarbox.store.snapshots import Snapshots
from pillarbox.store.store import Store
from pillarbox.testing.verbs import staged

ACCOUNT = 7
NOW = 1_700_000_000
MESSAGE = staged(b"Subject: x\r\n\r\nx\r\n")
Story = Callable[[Store], Awaitable[None]]


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """A dozen messages are a long mailbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "PIECE", 4)
        patch.setattr(columns, "SLICE", 4)
        patch.setattr(columns, "SHORT", 25)
        patch.setattr(columns, "UNSAVED", 3)
        patch.setattr(snapshots, "LEAST", 1)
        yield


def play(data: Path, *stories: Story) -> None:
    """Each story on a store that has just been opened."""

    async def told() -> None:
        for story in stories:
            store = Store(data, clock=lambda: NOW, sync=lambda fd: None)
            await store.open()
            if not files.account_folder(data, ACCOUNT).exists():
                await store.create_account(ACCOUNT)
            await story(store)
            await store.close()

    asyncio.run(told())
    assert check(files.account_folder(data, ACCOUNT), clock=lambda: NOW) == []


async def inbox(store: Store) -> int:
    return (await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id


async def append(store: Store, count: int) -> None:
    items = [messages.Incoming(MESSAGE, (), 1, 0)] * count
    await store.write(ACCOUNT, messages.append_many, SERVER, await inbox(store), items)


async def flag(store: Store, low: int, high: int, flag: str = "\\Seen") -> None:
    await store.write(
        ACCOUNT, flags.store_flags, SERVER, await inbox(store), ((low, high),), "add", (flag,), durable=False
    )


async def expunge(store: Store, low: int, high: int) -> None:
    await flag(store, low, high, "\\Deleted")
    await store.write(ACCOUNT, messages.expunge, SERVER, await inbox(store), ((low, high),))


async def load(store: Store) -> Columns:
    """The columns as sessions get them, which are those of the database."""
    mailbox = await inbox(store)
    found = await store.columns(ACCOUNT, SERVER, mailbox)
    truth = await store.read(ACCOUNT, changes.columns, SERVER, mailbox)
    assert found == truth
    assert all(piece for piece in found.uids.pieces)
    return found


def path_of(data: Path) -> Path:
    (path,) = (files.account_folder(data, ACCOUNT) / snapshots.FOLDER).iterdir()
    return path


uid = st.integers(1, 40)
ops = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 12), st.just(0)),
    st.tuples(st.just("flag"), uid, uid),
    st.tuples(st.just("expunge"), uid, uid),
    st.tuples(st.sampled_from(["load", "restart", "elsewhere", "forget changes"]), st.just(0), st.just(0)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ops, max_size=25))
def test_whatever_happens_the_columns_are_the_mailbox(script: list[tuple[str, int, int]]) -> None:
    async def told(data: Path) -> None:
        stores: list[Store] = []

        async def opened() -> Store:
            store = Store(data, clock=lambda: NOW + 100 * len(stores), sync=lambda fd: None)
            await store.open()
            stores.append(store)
            return store

        store = await opened()
        await store.create_account(ACCOUNT)
        await append(store, 5)
        for number, (name, low, high) in enumerate(script):
            match name:
                case "append":
                    await append(store, low)
                case "flag":
                    await flag(store, min(low, high), max(low, high))
                case "expunge":
                    await expunge(store, min(low, high), max(low, high))
                case "load":
                    await load(store)
                case "elsewhere":
                    await store.write(ACCOUNT, mailboxes.create, SERVER, f"box {number}")
                case "forget changes":
                    now = NOW + 100 * len(stores)
                    await store.write(ACCOUNT, changes.forget, now - 50)
                case "restart":
                    await store.close()
                    store = await opened()
        await load(store)
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(told(Path(folder)))
        assert check(files.account_folder(Path(folder), ACCOUNT), clock=lambda: NOW) == []


def test_after_a_restart_only_what_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    rows = changes.rows

    def counted(*args: int, **kwargs: int) -> Rows:
        found = rows(*args, **kwargs)  # type: ignore[arg-type]
        read.extend(found.uids)
        return found

    async def before(store: Store) -> None:
        await append(store, 40)
        await load(store)

    async def between(store: Store) -> None:
        await flag(store, 10, 10)
        await expunge(store, 22, 23)
        await append(store, 2)

    async def after(store: Store) -> None:
        monkeypatch.setattr(changes, "rows", counted)
        mailbox = await inbox(store)
        found = await store.columns(ACCOUNT, SERVER, mailbox)
        monkeypatch.undo()
        assert found == await store.read(ACCOUNT, changes.columns, SERVER, mailbox)
        assert read == [9, 10, 11, 12, 21, 24, 41, 42]

    play(tmp_path, before, between, after)


def test_after_a_restart_a_short_way_reads_no_row_that_has_not_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: object, **kwargs: object) -> Rows:
        raise AssertionError("a page of rows is read")

    async def before(store: Store) -> None:
        await append(store, 40)
        await load(store)

    async def after(store: Store) -> None:
        await flag(store, 10, 10)
        await append(store, 2)
        await expunge(store, 22, 22)
        await append(store, 2)
        monkeypatch.setattr(changes, "rows", none)
        monkeypatch.setattr(columns, "SHORT", 1000)
        found = await store.columns(ACCOUNT, SERVER, await inbox(store))
        monkeypatch.undo()
        assert found == await store.read(ACCOUNT, changes.columns, SERVER, await inbox(store))

    play(tmp_path, before, after)


@pytest.mark.parametrize("at", [0, 25, 60, 70, 90, -1])
def test_a_damaged_file_is_none(tmp_path: Path, at: int) -> None:
    async def before(store: Store) -> None:
        await append(store, 20)
        await load(store)

    async def after(store: Store) -> None:
        assert len((await load(store)).uids) == 20

    play(tmp_path, before)
    path = path_of(tmp_path)
    whole = bytearray(path.read_bytes())
    whole[at] ^= 0x40
    path.write_bytes(whole)
    play(tmp_path, after)
    path.write_bytes(whole[: len(whole) // 2])
    play(tmp_path, after)
    path.write_bytes(b"")
    play(tmp_path, after)


def test_who_logs_in_has_small_ones_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Path] = []

    def advised(fd: int, start: int, length: int, advice: int) -> None:
        assert (start, length, advice) == (0, 0, os.POSIX_FADV_WILLNEED)
        begun.append(Path(f"/proc/self/fd/{fd}").readlink())

    async def first(store: Store) -> None:
        await append(store, 20)
        await store.expect(ACCOUNT)
        await load(store)

    async def again(store: Store) -> None:
        await store.expect(ACCOUNT)
        await store.expect(ACCOUNT)  # it is open now

    async def small_ones_only(store: Store) -> None:
        monkeypatch.setattr(snapshots, "AT_ONCE", 10)
        await store.expect(ACCOUNT)

    monkeypatch.setattr(os, "posix_fadvise", advised)
    play(tmp_path, first)
    assert begun == []
    play(tmp_path, again)
    assert begun == [path_of(tmp_path)]
    play(tmp_path, small_ones_only)
    assert len(begun) == 1


def test_another_past_is_none_of_ours(tmp_path: Path) -> None:
    """A snapshot of another lineage, of a mod-sequence that has not been, or with another count."""

    async def story(store: Store) -> None:
        await append(store, 20)
        mailbox = await inbox(store)
        found = await load(store)
        await store._snapshots.stop()
        path = path_of(tmp_path)
        lineage = await store.read(ACCOUNT, columns.lineage)
        assert snapshots.load(path, mailbox, lineage) == found
        assert snapshots.load(path, mailbox, "0" * 32) is None
        assert snapshots.load(path, mailbox + 1, lineage) is None
        wrong = found.edited(found.modseq, {1: Rows(*(part[:1] for part in parts(found.piece(1))))})
        snapshots.write(path, wrong, lineage)
        problems = check(files.account_folder(tmp_path, ACCOUNT), clock=lambda: NOW)
        assert [problem.invariant for problem in problems] == ["snapshots_tell_the_truth"]
        first = found.piece(0)
        flagged = Rows(first.uids, array("H", [flag_set ^ 1 for flag_set in first.flag_sets]), first.modseqs)
        future = found.edited(found.modseq + 1000, {0: flagged})
        for lie in (wrong, wrong.edited(found.modseq + 1000, {}), future):
            snapshots.write(path, lie, lineage)
            store._columns.forget(ACCOUNT)
            await load(store)
            await store._snapshots.stop()

    play(tmp_path, story)


def parts(rows: Rows) -> tuple[array[int], array[int], array[int]]:
    return rows.uids, rows.flag_sets, rows.modseqs


def test_nothing_is_kept_that_a_power_cut_could_take_back(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        await append(store, 20)
        found = await load(store)
        path = tmp_path / snapshots.FOLDER / f"{found.mailbox:016x}"

        async def settle(account: int) -> str:
            assert account == ACCOUNT and not path.exists()
            await asyncio.sleep(0)
            assert not path.exists()
            if len(settled) == 0:
                settled.append(account)
                raise Refused("The disk did not take a change")
            return "0" * 32

        settled: list[int] = []
        kept = Snapshots(lambda account: tmp_path, settle, store._executor)
        kept.save(ACCOUNT, found)
        await kept.stop()
        assert not path.exists()
        kept.save(ACCOUNT, found)
        await kept.stop()
        assert path.exists()

    play(tmp_path, story)


def test_they_go_with_their_mailbox(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        box = await store.write(ACCOUNT, mailboxes.create, SERVER, "box")
        await append(store, 20)
        await load(store)
        await store.write(ACCOUNT, messages.copy, SERVER, await inbox(store), ((1, 20),), box.id)
        await store.columns(ACCOUNT, SERVER, box.id)
        await store._snapshots.stop()
        folder = files.account_folder(tmp_path, ACCOUNT) / snapshots.FOLDER
        (folder / ".left-behind").touch()
        await store.write(ACCOUNT, mailboxes.delete, SERVER, "box")
        await upkeep.tidy(store, ACCOUNT)
        assert [path.name for path in folder.iterdir()] == [f"{await inbox(store):016x}"]

    play(tmp_path, story)


def test_after_a_power_cut_the_file_and_the_database_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk keeps the file at once and the database as of the last sync: the worst that can happen."""
    folder = files.account_folder(tmp_path, ACCOUNT)
    disk: dict[str, bytes] = {}

    def sync(fd: int) -> None:
        disk.update({name: (folder / name).read_bytes() for name in ("mail.db", "mail.db-wal")})

    async def before() -> None:
        store = Store(tmp_path, clock=lambda: NOW, sync=sync)
        await store.open()
        await store.create_account(ACCOUNT)
        await append(store, 20)
        await load(store)
        await store._snapshots.stop()
        await flag(store, 5, 9)
        await load(store)
        await store._snapshots.stop()
        await flag(store, 1, 2)
        await load(store)
        await store.close()

    async def after() -> None:
        store = Store(tmp_path, clock=lambda: NOW, sync=lambda fd: None)
        await store.open()
        await append(store, 1)
        mailbox = await inbox(store)
        found = await store.columns(ACCOUNT, SERVER, mailbox)
        truth = await store.read(ACCOUNT, changes.columns, SERVER, mailbox)
        assert found == truth
        assert set(truth.flag_sets) == {truth.flag_sets[0]}  # what was not on disk is gone
        await store.close()

    asyncio.run(before())
    assert list((folder / snapshots.FOLDER).iterdir())
    for name, octets in disk.items():
        (folder / name).write_bytes(octets)
    (folder / "mail.db-shm").unlink()
    monkeypatch.setattr(incarnation, "boot_id", lambda: "the-next-boot")
    asyncio.run(after())
