"""Columns of long mailboxes as files, so that the first SELECT after a restart need not read a million rows.

`views/<mailbox>` in the account's folder can be deleted at any time: it is what was in memory at some
mod-sequence, and what has changed since is read from the database (`store.columns`).

Rules of the place:
- Only what is on disk in the database goes into a snapshot: else a power cut could take a change back there
  that is kept here, under a mod-sequence from before the cut.
- A file that is not whole, of another lineage or from the future is none.
"""

import asyncio
import contextlib
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from io import FileIO
from pathlib import Path

from pillarbox.model.changes import Columns, Rows
from pillarbox.model.errors import Refused

LEAST = 16_384  # messages: to read so many rows takes about as long as opening the account
FOLDER = "views"

_MAGIC = b"pillarbox columns 1 " + sys.byteorder[:1].encode("ascii")
MESSAGE = 4 + 2 + 8  # octets of one: UID, flag set, mod-sequence
_HEAD = struct.Struct("=21s32sQQII")  # magic, lineage, mailbox, mod-sequence, pieces, checksum of the rest


class Snapshots:
    """`folder_of` gives an account's folder; `settle(account)` its lineage, when all that it has committed is
    on disk."""

    def __init__(
        self, folder_of: Callable[[int], Path], settle: Callable[[int], Awaitable[str]], executor: Executor
    ) -> None:
        self._folder_of = folder_of
        self._settle = settle
        self._executor = executor
        self._saving: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def find(self, account: int, mailbox: int, lineage: str) -> Columns | None:
        path = path_of(self._folder_of(account), mailbox)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, load, path, mailbox, lineage)

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
            lineage = await self._settle(account)
            await asyncio.get_running_loop().run_in_executor(self._executor, write, path, columns, lineage)

    async def stop(self) -> None:
        """What is being written is finished."""
        while self._saving:
            await asyncio.wait(self._saving.values())


def path_of(folder: Path, mailbox: int) -> Path:
    return folder / FOLDER / f"{mailbox:016x}"


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
            magic, named, number, modseq, count, checksum = _HEAD.unpack(file.read(_HEAD.size))
            if (magic, named, number) != (_MAGIC, lineage.encode("ascii"), mailbox):
                return None
            left = path.stat().st_size - _HEAD.size
            if left < 4 * count:
                return None
            reader = _Reader(file)
            sizes = reader.column("I", count)
            if left != 4 * count + MESSAGE * sum(sizes):
                return None
            parts = [
                Rows(reader.column("I", size), reader.column("H", size), reader.column("Q", size))
                for size in sizes
            ]
    except (OSError, EOFError, struct.error):
        return None
    return Columns.joined(mailbox, modseq, parts) if reader.checksum == checksum else None


class _Reader:
    """Reads arrays in place, without a lock on the interpreter while an octet moves."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.checksum = 0

    def column(self, typecode: str, size: int) -> "array[int]":
        column = array(typecode, (0,)) * size
        with memoryview(column).cast("B") as octets:
            if self._file.readinto(octets) != len(octets):
                raise EOFError
        self.checksum = zlib.crc32(column, self.checksum)
        return column


def sweep(folder: Path, mailboxes: set[int]) -> None:
    """Remove what belongs to none of these mailboxes, and what a process left that died while it wrote."""
    wanted = {f"{mailbox:016x}" for mailbox in mailboxes}
    for path in (folder / FOLDER).glob("*"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)
