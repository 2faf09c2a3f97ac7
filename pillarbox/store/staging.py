"""Where the bytes of a message go while they come in, and how they become a `Staged`.

    staging = store.staging()
    await staging.write(chunk)          # as often as needed
    staged = await staging.finish()     # or staging.abandon(): nothing stays

Small messages are held in memory; larger ones go to a file without a name, written on a thread, so a
message never is in memory whole and the slowest disk holds up only its own connection.

Not a byte is changed: what comes back later is what was written here, NUL and all.
"""

import asyncio
import hashlib
import mmap
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pillarbox.message.derive import Derived, derive
from pillarbox.store import compress
from pillarbox.store.spool import Spool
from pillarbox.store.staged import INLINE_LIMIT, Staged

T = TypeVar("T")

MEMORY_LIMIT = 128 * 1024  # octets of one message held in memory

# Up to here a message is derived and compressed on the event loop: in a tenth of a millisecond usually, in
# some twenty when it is made to be hard. A larger one goes to a thread.
INLINE_WORK = 16 * 1024

_COPY = 1024 * 1024


class Staging:
    """One incoming message. Belongs to one task; dropped or abandoned it leaves nothing."""

    __slots__ = ("_executor", "_folder", "_held", "_pieces", "_spool", "size")

    def __init__(self, folder: Path, executor: Executor) -> None:
        self._folder = folder
        self._executor = executor
        self._pieces: list[bytes] = []
        self._held = 0
        self._spool: Spool | None = None
        self.size = 0

    async def write(self, chunk: bytes) -> None:
        """More of the message. Refused, temporarily, when the disk does not take it."""
        if self.hold(chunk):
            return
        self._add(chunk)
        await self._on_thread(self._spill)

    def hold(self, chunk: bytes) -> bool:
        """`write`, where the message stays in memory with it; otherwise nothing has been done."""
        if self._held + len(chunk) > MEMORY_LIMIT:
            return False
        self._add(chunk)
        return True

    def _add(self, chunk: bytes) -> None:
        self._pieces.append(bytes(chunk))
        self._held += len(chunk)
        self.size += len(chunk)

    def _spill(self) -> None:
        if self._spool is None:
            self._spool = Spool(self._folder)
        pieces, self._pieces, self._held = self._pieces, [], 0
        self._spool.append(b"".join(pieces))

    async def finish(self) -> Staged:
        return await self.with_prefix(b"")

    def finish_now(self) -> Staged | None:
        """`finish` of a small message; None for others."""
        if self._spool is not None or self.size > INLINE_WORK:
            return None
        return _stage_small(b"".join(self._pieces))

    async def with_prefix(self, prefix: bytes) -> Staged:
        """The message with `prefix` before it: for trace fields that differ between recipients. May be
        called again with another prefix, also after `finish`."""
        if self._spool is None:
            raw = prefix + b"".join(self._pieces)
            if len(raw) <= INLINE_WORK:
                return _stage_small(raw)
            return await self._on_thread(lambda: _stage(raw, self._folder))
        return await self._on_thread(lambda: self._stage_spool(prefix))

    def _stage_spool(self, prefix: bytes) -> Staged:
        if self._pieces:
            self._spill()
        spool = self._spool
        assert spool is not None
        if prefix:
            spool = _copy(prefix, spool, self._folder)
        with _mapped(spool) as raw:
            return _stage(raw, self._folder)

    def abandon(self) -> None:
        self._pieces = []
        self._held = 0
        # Not closed by hand: a thread may still be writing to it, and its number could mean another file
        # by then. It closes with the last reference.
        self._spool = None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _stage_small(raw: bytes) -> Staged:
    return Staged(
        size=len(raw),
        sha256=hashlib.sha256(raw).digest(),
        derived=derive(raw),
        dictionary=compress.DICTIONARY,
        frames=None,
        data=compress.compress_whole(raw),
    )


def _stage(raw: bytes | mmap.mmap, folder: Path) -> Staged:
    """For messages of any size: compressed frames go to a file once they are too many for a row."""
    derived: Derived = derive(raw)
    index: list[tuple[int, int]] = []
    small: list[bytes] = []
    stored = 0
    spool: Spool | None = None
    with memoryview(raw) as view:
        sha256 = hashlib.sha256(view).digest()
        for end, frame in compress.compress(view, derived.header_size):
            stored += len(frame)
            index.append((end, stored))
            small.append(frame)
            if spool is None and stored > INLINE_LIMIT:
                spool = Spool(folder)
            if spool is not None:
                spool.append(b"".join(small))
                small = []
    if spool is not None:
        spool.sync()
    return Staged(
        size=len(raw),
        sha256=sha256,
        derived=derived,
        dictionary=compress.DICTIONARY,
        frames=compress.pack(tuple(index)),
        data=b"".join(small) if spool is None else None,
        spool=spool,
    )


@contextmanager
def _mapped(spool: Spool) -> Iterator[mmap.mmap]:
    mapped = mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        yield mapped
    finally:
        mapped.close()


def _copy(prefix: bytes, source: Spool, folder: Path) -> Spool:
    target = Spool(folder)
    target.append(prefix)
    with _mapped(source) as mapped, memoryview(mapped) as view:
        for start in range(0, len(view), _COPY):
            target.append(view[start : start + _COPY])
    return target
