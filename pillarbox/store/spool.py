"""Files that have no name yet.

While a message comes in nobody may see it, and if it is given up, or the process dies, nothing may
stay. Linux has files that are born without a name and can get one later; elsewhere the file has a name
in the spool folder and is unlinked with the last reference to it.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillarbox.model.errors import Code, Refused


class Spool:
    """A file for writing and reading by offset, that `link` can give names to. Closed when dropped."""

    __slots__ = ("_fd", "_name")

    def __init__(self, folder: Path) -> None:
        self._fd = -1
        self._name: Path | None = None
        try:
            self._fd = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        except (AttributeError, OSError):
            name = folder / str(uuid.uuid4())
            with refusing():
                self._fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self._name = name

    def fileno(self) -> int:
        return self._fd

    def append(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        with refusing():
            while left:
                left = left[os.write(self._fd, left) :]

    def sync(self) -> None:
        with refusing():
            os.fsync(self._fd)

    def link(self, path: Path) -> None:
        """Give the file a name. A file of that name is replaced: object ids belong to one object, so it
        can only be what a power cut left of an append that was never answered."""
        with refusing():
            try:
                self._link(path)
            except FileExistsError:
                path.unlink()
                self._link(path)

    def _link(self, path: Path) -> None:
        if self._name is not None:
            os.link(self._name, path)
            return
        # A nameless file is linked through /proc, whose entry must be followed; Python passes that wish
        # to the kernel only together with a folder's descriptor.
        here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.link(f"/proc/self/fd/{self._fd}", path, src_dir_fd=here, follow_symlinks=True)
        finally:
            os.close(here)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        if self._name is not None:
            self._name.unlink(missing_ok=True)
            self._name = None

    def __del__(self) -> None:
        self.close()


@contextmanager
def refusing() -> Iterator[None]:
    """A disk that does not take our bytes is no bug of ours and no fault of the peer's."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise Refused(
            "The mail store cannot write at the moment", Code.UNAVAILABLE, temporary=True
        ) from error
