"""What has been worked out about a mailbox, as files: the order that SORT asked for, threads.

To sort a mailbox takes reading all of it; what came out is a few octets a message. So it is written to
`orders/<mailbox>.<what>` in the account's folder, for the other processes of the server and for the next
start. A file can be deleted at any time.

Rules of the place:
- A file names the messages it is about, by UID. UIDs are never given out twice, whatever is lost
  (`store.incarnation`), and what is compared of a message never changes; so what a file says of the messages
  that are still there holds, however old it is.
- A file that is not whole, or of another history of the account, or made of what older code derived, is none
  (`made`).
- They are bounded: `MOST` of a mailbox, and none of a short one.
"""

import asyncio
import contextlib
import os
import struct
import sys
import unicodedata
import zlib
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from hashlib import blake2b
from pathlib import Path

from pillarbox.message.derive import DERIVED_VERSION
from pillarbox.store import emails
from pillarbox.store.incarnation import lineage
from pillarbox.store.snapshots import AT_ONCE
from pillarbox.store.tx import Tx

FOLDER = "orders"
MADE = 1  # grows with any change to how something is worked out, or to a comparator
LEAST = 1024  # messages: fewer are sorted in a millisecond
MOST = 8  # of a mailbox, the last written ones

_MAGIC = b"pillarbox order 1 " + sys.byteorder[:1].encode("ascii")
_HEAD = struct.Struct("=19s32sIIII")  # magic, name, numbers in the three arrays, checksum of them

Numbers = Sequence["array[int]"]


def made(tx: Tx) -> str:
    """Of what an order in this account is made. To be asked before what is compared is read."""
    return f"{MADE}.{DERIVED_VERSION}.{unicodedata.unidata_version}.{lineage(tx)}.{emails.derivations(tx)}"


class OrderFiles:
    """`folder_of` gives an account's folder. `what` says what has been worked out, in any words."""

    def __init__(self, folder_of: Callable[[int], Path], executor: Executor) -> None:
        self._folder_of = folder_of
        self._executor = executor
        self._saving: dict[Path, asyncio.Future[None]] = {}

    async def find(self, account: int, mailbox: int, what: str, made: str) -> "list[array[int]] | None":
        """Three arrays: UIDs, ascending, and two as they were saved."""
        path = path_of(self._folder_of(account), mailbox, what)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            octets = os.fstat(fd).st_size
            if octets <= AT_ONCE:
                return _read(fd, octets, _name(mailbox, what, made))
            run = asyncio.get_running_loop().run_in_executor
            return await run(self._executor, _read, fd, octets, _name(mailbox, what, made))
        except OSError:
            return None
        finally:
            os.close(fd)

    def save(self, account: int, mailbox: int, what: str, made: str, numbers: Numbers) -> None:
        """Write it in the background; if that fails, there is none. Nobody may change the arrays."""
        path = path_of(self._folder_of(account), mailbox, what)
        if len(numbers[0]) < LEAST or path in self._saving:
            return
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._executor, write, path, _name(mailbox, what, made), numbers)
        self._saving[path] = job
        job.add_done_callback(lambda _: self._saving.pop(path))

    async def stop(self) -> None:
        """What is being written is finished."""
        while self._saving:
            await asyncio.wait(self._saving.values())


def path_of(folder: Path, mailbox: int, what: str) -> Path:
    return folder / FOLDER / f"{mailbox:016x}.{blake2b(what.encode(), digest_size=8).hexdigest()}"


def _name(mailbox: int, what: str, made: str) -> bytes:
    return blake2b(f"{made} {mailbox} {what}".encode(), digest_size=32).digest()


def write(path: Path, name: bytes, numbers: Numbers) -> None:
    checksum = 0
    for one in numbers:
        checksum = zlib.crc32(one, checksum)
    head = _HEAD.pack(_MAGIC, name, *map(len, numbers), checksum)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    with contextlib.suppress(OSError):  # a full disk, or the account is gone
        path.parent.mkdir(mode=0o700, exist_ok=True)  # and no parents: the account may just have been erased
        try:
            with new.open("wb") as file:
                file.write(head)
                file.writelines(numbers)
            # Not synced: the checksum tells what a power cut has left.
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        _bound(path)


def _bound(written: Path) -> None:
    """No more than `MOST` of the mailbox that one has just been written of."""
    others = [path for path in written.parent.glob(f"{written.stem}.*") if path != written]
    if len(others) >= MOST:
        others.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in others[: len(others) - MOST + 1]:
            path.unlink(missing_ok=True)


def _read(fd: int, octets: int, name: bytes) -> "list[array[int]] | None":
    head = os.read(fd, _HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, named, *sizes, wanted = _HEAD.unpack(head)
    if (magic, named, 4 * sum(sizes)) != (_MAGIC, name, octets - _HEAD.size):
        return None
    numbers = [array(typecode, (0,)) * size for typecode, size in zip("IiI", sizes)]
    os.readv(fd, [one for one in numbers if one])
    checksum = 0
    for one in numbers:
        checksum = zlib.crc32(one, checksum)
    return numbers if checksum == wanted else None


def sweep(folder: Path, mailboxes: set[int]) -> None:
    """Remove what belongs to none of these mailboxes, and what a process left that died while it wrote."""
    wanted = {f"{mailbox:016x}" for mailbox in mailboxes}
    for path in (folder / FOLDER).glob("*"):
        if path.stem not in wanted:
            path.unlink(missing_ok=True)
