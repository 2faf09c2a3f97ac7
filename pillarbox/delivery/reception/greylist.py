"""`greylist.db`: who has come before, by network, sender and recipient (RFC 6647).

A stranger is sent away once, and let in when the same triplet comes again after a while. His network is then
known, and nobody from there waits any more. All workers share the file; what is too old is forgotten, and
what is too much too, the oldest first. It can be deleted at any time.

Triplets are kept as hashes: who writes to whom is nobody's business.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar

import apsw

FILE = "greylist.db"
BUSY_MILLISECONDS = 5_000
IPV4_NETWORK, IPV6_NETWORK = 24, 64  # senders come again from another host of theirs
RETRY = 2 * 86_400  # seconds within which who was sent away has to come again
MOST = 500_000  # rows of a table: some 50 MB
PRUNED_EVERY = 1_000  # changes

T = TypeVar("T")

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS triplet (
      key BLOB NOT NULL PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS triplet_first ON triplet (first)",
    """CREATE TABLE IF NOT EXISTS known (
      network TEXT NOT NULL PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS known_last ON known (last)",
)


@dataclass(frozen=True, slots=True)
class Patience:
    """`wait`: seconds until the same may come again; `keep`: that a network stays known after it came."""

    wait: int = 300
    keep: int = 36 * 86_400


class Greylist:
    def __init__(
        self, folder: Path, patience: Patience, *, clock: Callable[[], float], most: int = MOST
    ) -> None:
        self._path = folder / FILE
        self.patience = patience
        self._clock = clock
        self._most = most
        self._changes = 0
        self._db: apsw.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="greylist")

    async def is_known(self, address: str) -> bool:
        """Whether somebody from there has come again before."""
        return await self._do(lambda db: self._is_known(db, network(address)))

    async def came(self, address: str, sender: str, recipient: str) -> int:
        """Seconds to wait; 0: come in."""
        return await self._do(lambda db: self._came(db, network(address), sender, recipient))

    def close(self) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown()

    async def _do(self, verb: Callable[[apsw.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: verb(self._opened()))

    def _opened(self) -> apsw.Connection:
        if self._db is None:
            db = apsw.Connection(str(self._path))
            db.set_busy_timeout(BUSY_MILLISECONDS)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut costs a sender a few minutes
            for statement in _SCHEMA:
                db.execute(statement)
            self._db = db
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()

    def _is_known(self, db: apsw.Connection, who: str) -> bool:
        now, keep = int(self._clock()), self.patience.keep
        rows = _rows(db, "SELECT last FROM known WHERE network = ?", who)
        if not rows or rows[0][0] <= now - keep:
            return False
        if rows[0][0] < now - keep // 36:  # written down once a day
            db.execute("UPDATE known SET last = ? WHERE network = ?", (now, who))
        return True

    def _came(self, db: apsw.Connection, who: str, sender: str, recipient: str) -> int:
        now, wait = int(self._clock()), self.patience.wait
        key = hashlib.sha256(f"{who}\0{sender}\0{recipient}".casefold().encode()).digest()[:16]
        with db:
            rows = _rows(db, "SELECT first FROM triplet WHERE key = ?", key)
            if rows and now - RETRY < rows[0][0]:
                left: int = rows[0][0] + wait - now
                if left > 0:
                    return left
                db.execute("DELETE FROM triplet WHERE key = ?", (key,))
                db.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (who, now))
                return 0
            db.execute("INSERT OR REPLACE INTO triplet VALUES (?, ?)", (key, now))
            self._prune(db, now)
        return wait

    def _prune(self, db: apsw.Connection, now: int) -> None:
        self._changes += 1
        if self._changes % min(PRUNED_EVERY, self._most):
            return
        db.execute("DELETE FROM triplet WHERE first <= ?", (now - RETRY,))
        db.execute("DELETE FROM known WHERE last <= ?", (now - self.patience.keep,))
        for table, column in (("triplet", "first"), ("known", "last")):
            over = _rows(db, f"SELECT count(*) FROM {table}")[0][0] - self._most
            if over > 0:
                key = "key" if table == "triplet" else "network"
                db.execute(
                    f"DELETE FROM {table} WHERE {key} IN"
                    f" (SELECT {key} FROM {table} ORDER BY {column} LIMIT ?)",
                    (over,),
                )


def _rows(db: apsw.Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    return db.execute(sql, values).fetchall()


def network(address: str) -> str:
    version = ip_address(address).version
    return str(ip_network((address, IPV4_NETWORK if version == 4 else IPV6_NETWORK), strict=False))
