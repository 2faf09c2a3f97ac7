"""How the process that delivers hears of new mail: an octet through a FIFO in the data folder.

A ring has no content, and one that nobody hears is lost: who listens looks into the queue at times anyway.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "queue.bell"


def _path(folder: Path) -> Path:
    return folder / "run" / NAME


def ring(folder: Path) -> None:
    with suppress(OSError):  # ENXIO: nobody listens; EAGAIN: it rings already
        descriptor = os.open(_path(folder), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, b".")
        finally:
            os.close(descriptor)


@contextmanager
def listening(folder: Path) -> Iterator[asyncio.Event]:
    """The event is set by each ring; whoever waits for it clears it."""
    path = _path(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    # For writing too: a FIFO whose last writer is gone would be readable for ever.
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    rung = asyncio.Event()

    def hear() -> None:
        with suppress(BlockingIOError):
            os.read(descriptor, 65536)
        rung.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, hear)
    try:
        yield rung
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
