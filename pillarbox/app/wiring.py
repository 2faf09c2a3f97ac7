"""The only place where concrete parts meet.

`core` is what every command needs: the directory and the store of a data folder. `serve` adds sessions
and listeners to it. Clock and randomness enter here and nowhere below.
"""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pillarbox.app import folder
from pillarbox.app.config import Config
from pillarbox.identity.directory import Directory
from pillarbox.store.store import Store


@dataclass(frozen=True, slots=True)
class Core:
    directory: Directory
    store: Store


@asynccontextmanager
async def core(config: Config, *, make: bool = True) -> AsyncIterator[Core]:
    """The parts every command works with; `make` says whether a missing data folder is begun."""
    if make:
        folder.make(config.data_folder)
    else:
        folder.require(config.data_folder)
    with _directory(config.data_folder) as directory:
        store = Store(config.data_folder, clock=time.time)
        await store.open()
        try:
            yield Core(directory, store)
        finally:
            await store.close()


@contextmanager
def existing(config: Config) -> Iterator[Directory]:
    """The directory alone, of a data folder that exists."""
    folder.require(config.data_folder)
    with _directory(config.data_folder) as directory:
        yield directory


@contextmanager
def _directory(data: Path) -> Iterator[Directory]:
    directory = Directory(data / "directory.db", clock=time.time, pick=secrets.randbelow)
    try:
        yield directory
    finally:
        directory.close()
