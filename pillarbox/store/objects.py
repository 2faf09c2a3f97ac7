"""The files of large blobs: immutable, named by object id, in the account's folder."""

import os
from pathlib import Path

AHEAD = 256 * 1024


class File:
    """One of them, for reading by offset. Closed when dropped; erased meanwhile, it stays readable."""

    __slots__ = ("_fd", "size")

    def __init__(self, path: Path) -> None:
        self._fd = -1
        self._fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._fd).st_size

    def read(self, start: int, end: int) -> bytes:
        # What comes next is most often read next: asked for now, it is in memory by then.
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, end, AHEAD, os.POSIX_FADV_WILLNEED)
        return os.pread(self._fd, end - start, start)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def path(folder: Path, blob: int) -> Path:
    """Where the file of a large blob is. Ids are counted, so their low byte spreads them evenly."""
    return folder / "blobs" / f"{blob & 0xFF:02x}" / f"{blob:016x}"
