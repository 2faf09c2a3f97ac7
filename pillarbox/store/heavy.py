"""Verbs that write more than the event loop should do in one piece.

A verb says what it is about to write (`Tx.expect`). Where that is too much, nothing has happened yet, and it
is run again from the top on a thread, with a connection of its own, as one transaction like any other.
SQLite works there without Python's lock for most of the time, so the loop goes on: readers see what was
there before, writers of the same account wait until it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Tx

# Rows, those of indexes included, that a verb may write on the event loop: about 8 ms. A thread costs
# half of one, so below some hundreds it would be no help even to others.
MOST_ROWS = 8_000

THREADS = 2  # at once: they keep processors and disks busy, and who only waits for a disk comes first

CACHE = 64 * 1024  # KiB of pages kept: with SQLite's usual 2 MiB all would be written and read again

PATIENCE = 0.05  # seconds such a thread waits for a lock before it makes room for another account's verb


@dataclass(frozen=True, slots=True)
class Outcome:
    result: Any
    modseq: int
    touched: bool
    pages: int  # in the log after the commit


def run(folder: Path, clock: Callable[[], float], verb: Callable[[Tx], Any]) -> Outcome:
    """The verb on the account in `folder`, committed as lightly as on the loop: not on disk yet."""
    database = sqlite.open_account(folder, clock=clock, patience=PATIENCE)
    pages = 0

    def written(connection: Any, name: str, count: int) -> int:
        nonlocal pages
        pages = count
        return 0

    try:
        database.cursor.execute(f"PRAGMA cache_size=-{CACHE}")
        database.connection.set_wal_hook(written)
        with database.transaction(write=True) as tx:
            result = verb(tx)
        return Outcome(result, database.modseq_known, tx.touched, pages)
    finally:
        database.close()
