"""What was acknowledged is there after a power cut: the proof for `store.commit`.

SQLite runs on a disk that remembers, for each file, what has been synced and every write since. At random
moments the power is cut: a copy of the disk is made in which each unsynced write has happened, has not, or
has in part, sector by sector, whatever later writes did. The copy is opened by a fresh process' means
and must contain every acknowledged write, whole; and the next round goes on from it, as after a new boot, and
must not give out any mod-sequence again that somebody has seen, durable or not.

Meanwhile several tasks write through `Store`, now and then on one of its threads, and checkpoints of both
kinds run on others, so that the log is begun anew again and again under load.

PILLARBOX_LONG=1 runs many rounds; PILLARBOX_ROUNDS says how many.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import apsw

from pillarbox.store import checkpoint, files, heavy, incarnation
from pillarbox.store.engine import sqlite
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx

ACCOUNT = 3
SECTOR = 512
CUTS_A_ROUND = 6
WRITERS = 4
WRITES = 30
HEAVY_EVERY = 7  # writes, one of which runs on a thread


@dataclass
class Remembered:
    """One file: what a power cut leaves of it for certain, and what it may leave."""

    durable: bytearray | None  # None: the name itself has not been synced
    pending: list[tuple[int, int, bytes | None]] = field(default_factory=list)  # number, offset, data

    def after_cut(self, rng: random.Random) -> bytes | None:
        if self.durable is None and rng.random() < 0.5:
            return None
        content = bytearray(self.durable or b"")
        share = rng.choice((0.0, 0.5, 0.9, 1.0))
        for _, offset, data in self.pending:
            if rng.random() > share:
                continue
            if data is None:
                del content[offset:]
            elif rng.random() < 0.3:
                for start in range(0, len(data), SECTOR):
                    if rng.random() < 0.5:
                        _put(content, offset + start, data[start : start + SECTOR])
            else:
                _put(content, offset, data)
        return bytes(content)

    def settle(self, until: int) -> None:
        if self.durable is None:
            self.durable = bytearray()
        for _, offset, data in (write for write in self.pending if write[0] <= until):
            if data is None:
                del self.durable[offset:]
            else:
                _put(self.durable, offset, data)
        self.pending = [write for write in self.pending if write[0] > until]


def _put(content: bytearray, offset: int, data: bytes) -> None:
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """The disk of one account's folder; `cut` is called before random writes and syncs."""

    def __init__(self, folder: Path, cut: Callable[[], None], rng: random.Random) -> None:
        self.folder = folder
        self.files: dict[str, Remembered] = {}
        self.lock = threading.RLock()
        self.number = 0
        self.beginnings = 0  # of the log
        self.cut = cut
        self.rng = rng
        for path in folder.iterdir():
            if path.suffix != ".db-shm" and path.is_file():
                self.files[path.name] = Remembered(bytearray(path.read_bytes()))
        super().__init__("disk", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return Opened(self, Path(path).name, name, flags)

    def write(self, name: str, offset: int, data: bytes | None) -> None:
        with self.lock:
            self.number += 1
            if name.endswith("-wal") and offset == 0 and data is not None:
                self.beginnings += 1
            remembered = self.files.setdefault(name, Remembered(None))
            remembered.pending.append((self.number, offset, data))

    @contextmanager
    def syncing(self, name: str) -> Iterator[None]:
        """What was written before the sync began is durable once it has ended."""
        with self.lock:
            until = self.number
        self.maybe_cut()
        yield
        with self.lock:
            self.files.setdefault(name, Remembered(None)).settle(until)

    def maybe_cut(self) -> None:
        with self.lock:
            if self.rng.random() < 0.01:
                self.cut()

    def sync(self, fd: int) -> None:
        """`os.fdatasync`, as `Store` takes it."""
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        with self.syncing(name):
            time.sleep(self.rng.choice((0, 0, 0.001)))  # a disk that takes its time lets others come between

    def image(self, target: Path) -> None:
        """The folder as it may be after a power cut at this moment."""
        with self.lock:
            for name, remembered in self.files.items():
                content = remembered.after_cut(self.rng)
                if content is not None:
                    (target / name).write_bytes(content)


class Opened(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, path: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.disk = disk
        self.name = name
        super().__init__("unix", path, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.maybe_cut()
        self.disk.write(self.name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self.disk.maybe_cut()
        self.disk.write(self.name, size, None)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        with self.disk.syncing(self.name):
            super().xSync(flags)


def note(tx: Tx, number: int, size: int) -> int:
    """A write in two tables and on several pages, under the account's next mod-sequence."""
    tx.expect(heavy.MOST_ROWS + 1 if number % HEAVY_EVERY == 0 else 1)
    ((modseq,),) = tx.rows(
        "UPDATE account SET modseq = modseq + 1 WHERE account = ? RETURNING modseq", tx.account
    )
    value = bytes([number % 251]) * size
    tx.run("INSERT INTO remembered VALUES (?, 1, ?, 0, ?)", tx.account, b"%d" % number, value)
    tx.run("INSERT INTO clock VALUES (?, ?, ?)", tx.account, modseq, number)
    return int(modseq)


@dataclass
class Promises:
    """What has been acknowledged, in this life of the machine and the earlier ones."""

    durable: dict[int, int] = field(default_factory=dict)  # number -> mod-sequence
    written: set[int] = field(default_factory=set)  # also what was not waited for
    seen: dict[int, int] = field(default_factory=dict)  # mod-sequence -> number, of all lives
    reused: int = 0  # mod-sequences that have had two meanings


async def write_some(store: Store, promises: Promises, rng: random.Random, first: int) -> None:
    for number in range(first, first + WRITES):
        durable = rng.random() < 0.8
        promises.written.add(number)
        size = rng.choice((10, 300, 3000, 20_000))
        modseq = await store.write(ACCOUNT, note, number, size, durable=durable)
        promises.reused += promises.seen.setdefault(modseq, number) != number
        if durable:
            promises.durable[number] = modseq


async def disturb(folder: Path, rng: random.Random, stop: asyncio.Event) -> None:
    """Checkpoints of both kinds from another thread, until told to stop."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as thread:
        while not stop.is_set():
            truncate = rng.random() < 0.4
            await loop.run_in_executor(
                thread, lambda truncate=truncate: checkpoint.checkpoint(folder, truncate=truncate)
            )
            await asyncio.sleep(rng.random() * 0.004)


@dataclass
class Outcome:
    made: int = 0  # promises, counted at each cut
    broken: int = 0
    beginnings: int = 0  # of the log, all of them while writes went on
    reused: int = 0


@dataclass
class Cut:
    """The disk as a power cut left it, and what had been promised by then."""

    folder: Path
    durable: dict[int, int]
    written: set[int]
    first: int  # the first number of this life

    def lost(self) -> set[int]:
        """Which promises are broken. Everything else that could be wrong is asserted."""
        found = sqlite.open_account(self.folder)
        try:
            with found.transaction(write=False) as tx:
                assert tx.rows("PRAGMA integrity_check") == [("ok",)]
                noted = dict(tx.rows("SELECT at, modseq FROM clock WHERE account = 1"))
                kept = {
                    int(key): value
                    for key, value in tx.rows("SELECT key, value FROM remembered WHERE account = 1")
                }
                assert tx.row("SELECT modseq FROM account") >= (max(noted.values(), default=0),)
        finally:
            found.close()
        assert noted.keys() == kept.keys() <= self.written  # both tables or neither
        assert all(set(value) == {number % 251} for number, value in kept.items())
        # What is lost is the end: commits are there up to one of them, without a gap.
        ours = sorted(modseq for number, modseq in noted.items() if number >= self.first)
        assert not ours or ours[-1] - ours[0] + 1 == len(ours)
        for number, modseq in self.durable.items():
            assert noted.get(number, modseq) == modseq
        return self.durable.keys() - noted.keys()


async def live(
    data: Path,
    promises: Promises,
    rng: random.Random,
    first: int,
    sync: Callable[[Disk], Callable[[int], None]],
) -> tuple[list[Cut], int]:
    """One life of the machine: writers, checkpoints and `CUTS_A_ROUND` cuts somewhere in it."""
    folder = files.account_folder(data, ACCOUNT)
    cuts: list[Cut] = []

    def cut() -> None:
        if len(cuts) < CUTS_A_ROUND:
            target = data.parent / f"cut-{first}-{len(cuts)}"
            target.mkdir()
            # In this order: a promise made before the image was taken must be kept by it.
            cuts.append(Cut(target, dict(promises.durable), set(promises.written), first))
            disk.image(target)

    disk = Disk(folder, cut, rng)
    try:
        store = Store(data, sync=sync(disk))
        await store.open()
        stop = asyncio.Event()
        disturbing = asyncio.create_task(disturb(folder, rng, stop))
        writers = (write_some(store, promises, rng, first + number * WRITES) for number in range(WRITERS))
        await asyncio.gather(*writers)
        stop.set()
        await disturbing
        await store.close()
    finally:
        disk.unregister()
    return cuts, disk.beginnings


def rounds(tmp_path: Path, seed: int, count: int, sync: Callable[[Disk], Callable[[int], None]]) -> Outcome:
    """`count` lives, each beginning from the ruins of the last."""
    rng = random.Random(seed)
    promises = Promises()
    files.create_account(tmp_path / "data-0", ACCOUNT, 0, lambda tx: None)
    outcome = Outcome()
    for number in range(count):
        data = tmp_path / f"data-{number}"
        with mock.patch.multiple(
            incarnation, boot_id=lambda number=number: f"boot{number}", birth=lambda path: incarnation.UNKNOWN
        ):
            cuts, beginnings = asyncio.run(live(data, promises, rng, number * WRITERS * WRITES, sync))
        outcome.beginnings += beginnings
        outcome.reused += promises.reused
        for cut in cuts:
            outcome.made += len(cut.durable)
            outcome.broken += len(cut.lost())
        if not cuts:
            raise AssertionError("the power was never cut")
        last = cuts[-1]
        ruins = files.account_folder(tmp_path / f"data-{number + 1}", ACCOUNT)
        ruins.parent.mkdir(parents=True)
        last.folder.rename(ruins)
        found = sqlite.open_account(ruins)
        with found.transaction(write=False) as tx:
            noted = dict(tx.rows("SELECT at, modseq FROM clock WHERE account = 1"))
        found.close()
        promises = Promises(noted, set(noted), promises.seen)
        for cut in cuts[:-1]:
            shutil.rmtree(cut.folder)
        shutil.rmtree(data)
    return outcome


def test_acknowledged_writes_survive_power_cuts(tmp_path: Path) -> None:
    count = int(os.environ.get("PILLARBOX_ROUNDS", "200")) if os.environ.get("PILLARBOX_LONG") else 4
    seed = int(os.environ.get("PILLARBOX_SEED", "1"))
    outcome = rounds(tmp_path, seed, count, lambda disk: disk.sync)
    assert outcome.made > 100 * count
    assert outcome.beginnings > 3 * count
    assert (outcome.broken, outcome.reused) == (0, 0)


def test_the_proof_notices_a_store_that_does_not_sync(tmp_path: Path) -> None:
    assert rounds(tmp_path, 2, 2, lambda disk: lambda fd: None).broken > 0
