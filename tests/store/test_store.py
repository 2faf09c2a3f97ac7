"""The facade keeps its promises, also when others write, the disk fails or callers leave."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.store import checkpoint, files, mailboxes, objects
from pillarbox.store import store as facade
from pillarbox.store.commit import to_disk
from pillarbox.store.engine import sqlite
from pillarbox.store.staged import INLINE_LIMIT, Place
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx

ACCOUNT = 7
Play = Callable[[Callable[[Store], Awaitable[None]]], None]


def add(tx: Tx, path: str) -> int:
    """A verb that changes something that listeners can see."""
    ((modseq,),) = tx.rows(
        "UPDATE account SET modseq = modseq + 1 WHERE account = ? RETURNING modseq", tx.account
    )
    tx.run("INSERT INTO quota_limit VALUES (?, ?, 'x', ?, 0)", tx.account, path, modseq)
    return int(modseq)


def add_and_refuse(tx: Tx, path: str) -> None:
    add(tx, path)
    raise Refused("no", Code.CANNOT)


def nothing(tx: Tx) -> str:
    return "nothing"


def paths(tx: Tx) -> set[str]:
    return {path for (path,) in tx.rows("SELECT root FROM quota_limit WHERE account = ?", tx.account)}


def state(tx: Tx) -> tuple[int, str]:
    row = tx.row("SELECT modseq, incarnation FROM account WHERE account = ?", tx.account)
    assert row is not None
    return row[0], row[1]


class SlowDisk:
    """Syncs that wait for `go`, or fail."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.failing = False
        self.count = 0

    def sync(self, fd: int) -> None:
        self.count += 1
        self.begun.release()
        self.go.acquire()
        if self.failing:
            raise OSError(5, "Input/output error")
        to_disk(fd)

    async def syncing(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.begun.acquire)

    def free(self) -> None:
        for _ in range(1000):
            self.go.release()


def on_slow_disk(data: Path, story: Callable[[Store, SlowDisk], Awaitable[None]]) -> None:
    files.create_account(data, ACCOUNT, 1, mailboxes.create_initial)

    async def told() -> None:
        disk = SlowDisk()
        store = Store(data, sync=disk.sync)
        await store.open()
        try:
            disk.go.release()
            disk.go.release()
            await store.write(ACCOUNT, nothing)  # the first write of a process syncs once more
            disk.count = 0
            while disk.begun.acquire(blocking=False):
                pass
            async with asyncio.timeout(30):
                await story(store, disk)
        finally:
            disk.free()
            await store.close()

    asyncio.run(told())


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_verb_commits_or_leaves_nothing(play: Play) -> None:
    async def story(store: Store) -> None:
        modseq = await store.write(ACCOUNT, add, "a")
        assert store.modseq(ACCOUNT) == modseq
        with pytest.raises(Refused):
            await store.write(ACCOUNT, add_and_refuse, "b")
        assert await store.read(ACCOUNT, paths) == {"a"}
        assert store.modseq(ACCOUNT) == modseq

    play(story)


def test_a_new_account_has_its_mailboxes(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_account(8)
        rows = await store.read(8, mailboxes.list_all, SERVER)
        assert {row.path for row in rows} == {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"}
        with pytest.raises(Refused) as refused:
            await store.create_account(8)
        assert refused.value.code is Code.ALREADYEXISTS
        await store.erase_account(8)
        with pytest.raises(Refused) as refused:
            await store.read(8, nothing)
        assert refused.value.code is Code.NONEXISTENT

    play(story)


def test_others_are_rung_when_it_is_on_disk_and_not_before(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        rung = []
        store.listen(ACCOUNT, lambda: rung.append(True))
        writing = asyncio.create_task(store.write(ACCOUNT, add, "a"))
        await disk.syncing()
        await turns()
        assert await store.read(ACCOUNT, paths) == {"a"}  # it may be seen before it is promised
        assert not rung and not writing.done()
        disk.go.release()
        await writing
        await turns()
        assert rung == [True]

    on_slow_disk(tmp_path, story)


def test_flags_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        rung = []
        store.listen(ACCOUNT, lambda: rung.append(True))
        await store.write(ACCOUNT, add, "a", durable=False)
        await turns()
        assert (disk.count, rung) == (0, [True])
        await store.write(ACCOUNT, nothing, durable=False)
        await turns()
        assert rung == [True]

    on_slow_disk(tmp_path, story)


def test_a_durable_answer_never_rests_on_what_is_not_on_disk(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        await store.write(ACCOUNT, add, "a", durable=False)
        asked = asyncio.create_task(store.write(ACCOUNT, nothing))  # "it is there already"
        await disk.syncing()
        await turns()
        assert not asked.done()
        disk.go.release()
        assert await asked == "nothing"

    on_slow_disk(tmp_path, story)


def test_who_waits_shares_a_transaction_and_a_sync(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        first = asyncio.create_task(store.write(ACCOUNT, add, "first"))
        await disk.syncing()
        others = [asyncio.create_task(store.write(ACCOUNT, add, str(number))) for number in range(20)]
        bad = asyncio.create_task(store.write(ACCOUNT, add_and_refuse, "bad"))
        twice = asyncio.create_task(store.write(ACCOUNT, add, "first"))  # a bug: breaks a constraint
        gone = asyncio.create_task(store.write(ACCOUNT, add, "gone"))
        last = asyncio.create_task(store.write(ACCOUNT, add, "last"))
        await turns()
        gone.cancel()
        await turns()
        assert await store.read(ACCOUNT, paths) == {"first"}
        disk.free()
        modseqs = [await task for task in (first, *others, last)]
        assert modseqs == sorted(modseqs)
        with pytest.raises(Refused, match="no"):
            await bad
        with pytest.raises(apsw.ConstraintError):
            await twice
        assert await store.read(ACCOUNT, paths) == {"first", "last", *(str(number) for number in range(20))}
        assert disk.count < 10

    on_slow_disk(tmp_path, story)


def test_a_listener_hears_of_a_write_whose_caller_left(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        rung = asyncio.Event()
        store.listen(ACCOUNT, rung.set)
        writing = asyncio.create_task(store.write(ACCOUNT, add, "a"))
        await disk.syncing()
        writing.cancel()
        await turns()
        disk.free()
        await asyncio.wait_for(rung.wait(), 10)
        assert await store.read(ACCOUNT, paths) == {"a"}

    on_slow_disk(tmp_path, story)


def test_after_a_failed_sync_nothing_is_promised_before_the_log_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LONG_WAIT", 10)

    async def story(store: Store, disk: SlowDisk) -> None:
        disk.failing = True
        failing = asyncio.create_task(store.write(ACCOUNT, add, "a"))
        await disk.syncing()
        waiting = asyncio.create_task(store.write(ACCOUNT, add, "b"))
        await turns()
        disk.go.release()
        for task in (failing, waiting):
            with pytest.raises(Refused) as refused:
                await task
            assert refused.value.temporary and refused.value.code is Code.UNAVAILABLE
        log = files.account_folder(tmp_path, ACCOUNT) / "mail.db-wal"
        # Somebody reads, so that the log cannot be emptied: no promise can be made.
        reader = sqlite.open_account(log.parent)
        with reader.transaction(write=False) as tx:
            nothing(tx)
            tx.rows("SELECT 1 FROM account")
            with pytest.raises(Refused, match="earlier change"):
                await store.write(ACCOUNT, add, "c")
        reader.close()
        disk.failing = False
        disk.free()
        await store.write(ACCOUNT, add, "d")
        assert "d" in await store.read(ACCOUNT, paths)
        assert "c" not in await store.read(ACCOUNT, paths)

    on_slow_disk(tmp_path, story)


def test_a_lock_held_elsewhere_does_not_hold_up_the_loop(play: Play) -> None:
    async def story(store: Store) -> None:
        other = sqlite.open_account(files.account_folder(store.data, ACCOUNT))
        with other.transaction(write=True) as tx:
            writing = asyncio.create_task(store.write(ACCOUNT, add, "ours"))
            for number in range(10):
                began = time.monotonic()
                await asyncio.sleep(0.001)
                assert await store.read(ACCOUNT, paths) == set()
                assert time.monotonic() - began < 1, number
            assert not writing.done()
            add(tx, "theirs")
        await writing
        assert await store.read(ACCOUNT, paths) == {"ours", "theirs"}
        other.close()

    play(story)


def test_a_lock_held_for_ever_ends_in_a_refusal(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facade, "LOCK_WAIT", 0.01)

    async def story(store: Store) -> None:
        await store.write(ACCOUNT, add, "before")
        other = sqlite.open_account(files.account_folder(store.data, ACCOUNT))
        with other.transaction(write=True):
            answers = await asyncio.gather(
                *(store.write(ACCOUNT, add, str(number)) for number in range(5)), return_exceptions=True
            )
        for answer in answers:
            assert isinstance(answer, Refused) and answer.temporary and answer.code is Code.UNAVAILABLE
        other.close()
        await store.write(ACCOUNT, add, "after")
        assert await store.read(ACCOUNT, paths) == {"before", "after"}

    play(story)


def test_a_group_waits_for_a_lock_like_everybody(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        first = asyncio.create_task(store.write(ACCOUNT, add, "first"))
        await disk.syncing()
        others = [asyncio.create_task(store.write(ACCOUNT, add, str(number))) for number in range(3)]
        await turns()
        other = sqlite.open_account(files.account_folder(tmp_path, ACCOUNT))
        with other.transaction(write=True) as tx:
            disk.free()
            await first
            await turns()
            late = asyncio.create_task(store.write(ACCOUNT, add, "late"))
            await asyncio.sleep(facade.GROUP_PAUSE * 3)
            assert not any(task.done() for task in others)
            add(tx, "theirs")
        other.close()
        modseqs = [await task for task in (*others, late)]
        assert modseqs == sorted(modseqs)

    on_slow_disk(tmp_path, story)


WRITER = """
import asyncio, sys, pathlib
from pillarbox.store.store import Store
async def one(store, path):
    def add(tx):
        ((modseq,),) = tx.rows("UPDATE account SET modseq = modseq + 1 WHERE account = 1 RETURNING modseq")
        tx.run("INSERT INTO quota_limit VALUES (1, ?, 'x', ?, 0)", path, modseq)
    await store.write(7, add)
async def main():
    store = Store(pathlib.Path(sys.argv[1]))
    await store.open()
    for number in range(40):
        await asyncio.gather(*(one(store, f"{sys.argv[2]}-{number}-{i}") for i in range(3)))
    await store.close()
asyncio.run(main())
"""


def test_several_processes_write_one_account(play: Play) -> None:
    async def story(store: Store) -> None:
        rung = asyncio.Event()
        store.listen(ACCOUNT, rung.set)
        before = store.modseq(ACCOUNT)
        command = [sys.executable, "-c", WRITER, str(store.data)]
        processes = [
            asyncio.create_task(asyncio.to_thread(subprocess.run, [*command, str(number)], check=True))
            for number in range(3)
        ]
        for number in range(120):
            await store.write(ACCOUNT, add, f"here-{number}")
        await asyncio.gather(*processes)
        await asyncio.wait_for(rung.wait(), 10)
        assert len(await store.read(ACCOUNT, paths)) == 4 * 120
        assert store.modseq(ACCOUNT) == before + 4 * 120

    play(story)


def test_it_is_on_disk_who_writes_before_anything_is_written(tmp_path: Path) -> None:
    files.create_account(tmp_path, ACCOUNT, 1, mailboxes.create_initial)

    async def told() -> None:
        disk = SlowDisk()
        store = Store(tmp_path, sync=disk.sync)
        await store.open()
        flagging = asyncio.create_task(store.write(ACCOUNT, add, "a", durable=False))
        await disk.syncing()
        await turns()
        assert await store.read(ACCOUNT, paths) == set()
        disk.go.release()
        await flagging
        assert await store.read(ACCOUNT, paths) == {"a"}
        await store.close()

    asyncio.run(told())


@contextmanager
def full_disk() -> Iterator[Callable[[bool], None]]:
    """SQLite on a disk that can be full."""
    full = False

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("full", "unix", makedefault=True)

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
            return File("unix", name, flags)

    class File(apsw.VFSFile):
        def xWrite(self, data: bytes, offset: int) -> None:
            if full:
                raise apsw.FullError("database or disk is full")
            super().xWrite(data, offset)

    def fill(now: bool) -> None:
        nonlocal full
        full = now

    disk = Disk()
    try:
        yield fill
    finally:
        disk.unregister()


def test_a_full_disk_refuses_for_now_and_harms_nothing(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.write(ACCOUNT, add, "a")
        fill(True)
        for _ in range(2):
            answers = await asyncio.gather(
                *(store.write(ACCOUNT, add, str(number)) for number in range(3)), return_exceptions=True
            )
            for answer in answers:
                assert isinstance(answer, Refused) and answer.temporary and answer.code is Code.UNAVAILABLE
            assert await store.read(ACCOUNT, paths) == {"a"}
        fill(False)
        await store.write(ACCOUNT, add, "b")
        assert await store.read(ACCOUNT, paths) == {"a", "b"}
        assert await store.read(ACCOUNT, lambda tx: tx.rows("PRAGMA integrity_check")) == [("ok",)]

    with full_disk() as fill, pytest.MonkeyPatch.context() as patched:
        # What a disk written in Python raises is reported besides; that is no failure of the test.
        patched.setattr(sys, "unraisablehook", lambda unraisable: None)
        play(story)


def test_a_store_that_is_closed_refuses(play: Play) -> None:
    kept: list[Store] = []

    async def story(store: Store) -> None:
        kept.append(store)
        await store.write(ACCOUNT, add, "a")

    play(story)
    for call in (kept[0].write(ACCOUNT, add, "b"), kept[0].read(ACCOUNT, paths)):
        with pytest.raises(Refused) as refused:
            asyncio.run(call)
        assert refused.value.temporary


def test_a_large_message_has_its_file_before_its_row(play: Play) -> None:
    async def story(store: Store) -> None:
        small = await store.staging().finish()
        assert await store.place(ACCOUNT, small) is small
        staging = store.staging()
        await staging.write(random.Random(1).randbytes(2 * INLINE_LIMIT))
        staged = await staging.finish()
        assert staged.place is Place.FILE
        placed = await store.place(ACCOUNT, staged)
        again = await store.place(ACCOUNT, staged)
        assert placed.blob and again.blob and placed.blob != again.blob
        folder = files.account_folder(store.data, ACCOUNT)
        one, other = objects.path(folder, placed.blob), objects.path(folder, again.blob)
        assert one.samefile(other)  # one copy on disk, two names
        await store.withdraw(ACCOUNT, again)
        assert one.exists() and not other.exists()

    play(story)


def elsewhere_erased(store: Store) -> None:
    """As by another process: this one's connections and caches know nothing of it."""
    files.erase_account(store.data, ACCOUNT)


@pytest.mark.parametrize("durable", [True, False])
def test_an_account_erased_elsewhere_takes_no_writes(play: Play, durable: bool) -> None:
    async def story(store: Store) -> None:
        await store.write(ACCOUNT, add, "a", durable=durable)
        elsewhere_erased(store)
        for _ in range(2):
            with pytest.raises(NoAccount):
                await store.write(ACCOUNT, add, "b", durable=durable)
            with pytest.raises(NoAccount):
                store.modseq(ACCOUNT)
        assert not store._handles._open

    play(story)


def test_verbs_that_wait_for_a_sync_hear_that_the_account_is_gone(tmp_path: Path) -> None:
    async def story(store: Store, disk: SlowDisk) -> None:
        first = asyncio.create_task(store.write(ACCOUNT, add, "first"))
        await disk.syncing()
        others = [asyncio.create_task(store.write(ACCOUNT, add, str(number))) for number in range(3)]
        await turns()
        elsewhere_erased(store)
        disk.free()
        # The first was committed before; its log has lost its name, so it is not promised either.
        for answer in await asyncio.gather(first, *others, return_exceptions=True):
            assert isinstance(answer, NoAccount)

    on_slow_disk(tmp_path, story)


def test_nothing_is_promised_of_a_log_without_a_name(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.write(ACCOUNT, add, "a")
        folder = files.account_folder(store.data, ACCOUNT)
        await asyncio.to_thread(shutil.rmtree, folder)
        for _ in range(2):
            with pytest.raises(NoAccount):
                await store.write(ACCOUNT, add, "b")

    play(story)


def test_listeners_hear_that_an_account_is_erased(play: Play) -> None:
    async def story(store: Store) -> None:
        rung = asyncio.Event()
        store.listen(ACCOUNT, rung.set)
        other = Store(store.data)
        await other.open()
        await other.erase_account(ACCOUNT)
        await other.close()
        await asyncio.wait_for(rung.wait(), 10)
        with pytest.raises(NoAccount):
            store.modseq(ACCOUNT)

    play(story)


def test_an_erasure_cut_short_is_taken_up_again(play: Play) -> None:
    async def story(store: Store) -> None:
        sqlite.condemn(files.account_folder(store.data, ACCOUNT))
        with pytest.raises(NoAccount):
            await store.read(ACCOUNT, nothing)
        await store.erase_account(ACCOUNT)
        assert files.accounts(store.data) == []

    play(story)
