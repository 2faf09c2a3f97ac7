"""Columns of long mailboxes as files, so that the first SELECT after a restart need not read a million rows.

`views/<mailbox>` in the account's folder can be deleted at any time: it is what was in memory at some
mod-sequence, and what has changed since is read from the database (`store.columns`).

Rules of the place:
- A file that is not whole, of another lineage or from the future is none.
- Where a power cut may have taken a change back that is kept here, the account has leapt since, and no way
  leads on from here (`store.incarnation`).
"""

import asyncio
import contextlib
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, cast

from pillarbox.model.changes import Columns, Rows
from pillarbox.model.errors import Refused

LEAST = (
    1024  # messages: where nothing is cached, so many rows lie on as many pages as opening the account reads
)
FOLDER = "views"
AT_ONCE = 1 << 18  # octets read on the loop, as pages of the database are: less than two ways to a thread

TURN = 32  # pieces read at once: half a millisecond on the loop, and fewer buffers than a call takes

_MAGIC = b"pillarbox columns 1 " + sys.byteorder[:1].encode("ascii")
MESSAGE = 4 + 2 + 8  # octets of one: UID, flag set, mod-sequence
_HEAD = struct.Struct("=21s32sQQII")  # magic, lineage, mailbox, mod-sequence, pieces, checksum of the rest


class Snapshots:
    """`folder_of` gives an account's folder, `lineage_of` its lineage."""

    def __init__(
        self,
        folder_of: Callable[[int], Path],
        lineage_of: Callable[[int], Awaitable[str]],
        executor: Executor,
    ) -> None:
        self._folder_of = folder_of
        self._lineage_of = lineage_of
        self._executor = executor
        self._saving: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def find(self, account: int, mailbox: int, lineage: str) -> Columns | None:
        """As `load`. A thread does nothing but read: it would have to wait for its turn of the interpreter
        again and again, and where the loop is busy a turn is milliseconds."""
        run = asyncio.get_running_loop().run_in_executor
        try:
            fd = os.open(path_of(self._folder_of(account), mailbox), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            octets = os.fstat(fd).st_size
            steps = _reading(octets, mailbox, lineage)
            buffers = next(steps)
            while True:
                if octets <= AT_ONCE:
                    buffers = steps.send(os.readv(fd, buffers))
                else:
                    buffers = steps.send(await run(self._executor, os.readv, fd, buffers))
        except StopIteration as end:
            return cast(Columns | None, end.value)
        except OSError:
            return None
        finally:
            os.close(fd)

    def save(self, account: int, columns: Columns) -> None:
        """Write it in the background; if that fails, there is none."""
        key = (account, columns.mailbox)
        if len(columns.uids) >= LEAST and key not in self._saving:
            task = asyncio.get_running_loop().create_task(self._save(account, columns))
            self._saving[key] = task
            task.add_done_callback(lambda _: self._saving.pop(key))

    async def _save(self, account: int, columns: Columns) -> None:
        path = path_of(self._folder_of(account), columns.mailbox)
        with contextlib.suppress(Refused, OSError):
            lineage = await self._lineage_of(account)
            await asyncio.get_running_loop().run_in_executor(self._executor, write, path, columns, lineage)

    async def stop(self) -> None:
        """What is being written is finished."""
        while self._saving:
            await asyncio.wait(self._saving.values())


def path_of(folder: Path, mailbox: int) -> Path:
    return folder / FOLDER / f"{mailbox:016x}"


def prefetch(folder: Path, mailbox: int) -> None:
    """Have the system read a small snapshot into its cache: who logs in opens INBOX next, and by then nothing
    of it is to be waited for. Nobody waits for this either."""
    if not hasattr(os, "posix_fadvise"):
        return
    with contextlib.suppress(OSError):
        fd = os.open(path_of(folder, mailbox), os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size <= AT_ONCE:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(fd)


def write(path: Path, columns: Columns, lineage: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)  # and no parents: the account may just have been erased
    sizes = array("I", [len(piece) for piece in columns.uids.pieces])
    pieces: list[array[int]] = [sizes]
    for rows in zip(columns.uids.pieces, columns.flag_sets.pieces, columns.modseqs.pieces):
        pieces += rows
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    head = _HEAD.pack(_MAGIC, lineage.encode("ascii"), columns.mailbox, columns.modseq, len(sizes), checksum)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(head)
            file.writelines(pieces)
        # Not synced: the checksum tells what a power cut has left.
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def load(path: Path, mailbox: int, lineage: str) -> Columns | None:
    """What was written there, if it is this mailbox's and whole."""
    try:
        with path.open("rb", buffering=0) as file:
            steps = _reading(os.fstat(file.fileno()).st_size, mailbox, lineage)
            buffers = next(steps)
            while True:
                buffers = steps.send(os.readv(file.fileno(), buffers))
    except StopIteration as end:
        return cast(Columns | None, end.value)
    except OSError:
        return None


def _reading(octets: int, mailbox: int, lineage: str) -> Generator[list[Any], int, Columns | None]:
    """What `load` does but for the reading: yields buffers to be filled one after the other, and is sent how
    many octets there were. The work between two of them is bounded."""
    head = bytearray(_HEAD.size)
    if (yield [head]) != _HEAD.size:
        return None
    magic, named, number, modseq, count, wanted = _HEAD.unpack(head)
    if (magic, named, number) != (_MAGIC, lineage.encode("ascii"), mailbox):
        return None
    left = octets - _HEAD.size - 4 * count
    if left < 0:
        return None
    sizes = _room("I", count)
    yield [sizes]
    if left != MESSAGE * sum(sizes):
        return None
    checksum = zlib.crc32(sizes)
    parts: list[Rows] = []
    for first in range(0, count, TURN):
        some = [
            Rows(_room("I", size), _room("H", size), _room("Q", size)) for size in sizes[first : first + TURN]
        ]
        buffers = [column for rows in some for column in (rows.uids, rows.flag_sets, rows.modseqs)]
        yield buffers
        for column in buffers:
            checksum = zlib.crc32(column, checksum)
        parts += some
    return Columns.joined(mailbox, modseq, parts) if checksum == wanted else None


def _room(typecode: str, size: int) -> "array[int]":
    return array(typecode, (0,)) * size


def sweep(folder: Path, mailboxes: set[int]) -> None:
    """Remove what belongs to none of these mailboxes, and what a process left that died while it wrote."""
    wanted = {f"{mailbox:016x}" for mailbox in mailboxes}
    for path in (folder / FOLDER).glob("*"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)
