"""The data folder: made with its owner's eyes only, served by one server at a time.

    directory.db     accounts and passwords (identity)
    accounts/        the mail (store)
    run/             sockets; worth nothing after a stop
    tls/             the self-signed certificate, where none is configured
    serve.lock       locked by the running server; names its process

Commands such as `deliver`, `import` and `check` work beside a running server and do not ask for the lock.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillarbox.model.errors import Refused

LOCK_FILE = "serve.lock"


def make(folder: Path) -> None:
    """`folder`, if it is not there, readable by nobody else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"The data folder {folder} cannot be made: {error.strerror}") from None


def require(folder: Path) -> None:
    if not (folder / "directory.db").is_file():
        raise Refused(
            f"There is no mail in {folder} yet; `pillarbox serve` or `pillarbox account add` begins it"
        )


@contextmanager
def only_server(folder: Path) -> Iterator[int]:
    """Holds the lock, by the descriptor it yields. The kernel lets go of it when the last process that has
    it open ends, however it ends."""
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise Refused(f"Another server (process {owner}) is using {folder}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield descriptor
    finally:
        os.close(descriptor)
