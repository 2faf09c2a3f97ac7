"""`abuse.db`: what is known of who guesses, kept over restarts, and the orders of administrators.

Whoever holds the ledger saves what has changed some time later: a crash forgets a second of it. A command
works beside a running server, so it writes what it wants twice: as a tally, which counts at the next start,
and as an order, which the server takes.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

import apsw

from pillarbox.identity.abuse import NETWORK, Tally

FILE = "abuse.db"
BUSY_MILLISECONDS = 5_000
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tally (
      kind TEXT NOT NULL, key TEXT NOT NULL, level REAL NOT NULL, at REAL NOT NULL, until REAL NOT NULL,
      bans INTEGER NOT NULL, since REAL NOT NULL, reason TEXT NOT NULL, came REAL NOT NULL,
      PRIMARY KEY (kind, key)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS wanted (      -- until 0: the ban is lifted
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      network TEXT NOT NULL, until REAL NOT NULL)""",
)


@dataclass(frozen=True, slots=True)
class Order:
    network: str
    until: float


class Tallies:
    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(BUSY_MILLISECONDS)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for statement in _SCHEMA:
            self._db.execute(statement)

    def close(self) -> None:
        self._db.close()

    def all(self) -> list[Tally]:
        """Those touched last come last."""
        return [Tally(*row) for row in self._db.execute("SELECT * FROM tally ORDER BY max(at, came)")]

    def bans(self, now: float) -> list[Tally]:
        rows = self._db.execute(
            "SELECT * FROM tally WHERE kind = ? AND until > ? ORDER BY key", (NETWORK, now)
        )
        return [Tally(*row) for row in rows]

    def save(self, tallies: Iterable[Tally]) -> None:
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(each) for each in tallies],
            )

    def forget(self, before: float) -> None:
        """What nobody has touched since."""
        self._db.execute("DELETE FROM tally WHERE max(at, came, until) < ?", (before,))

    def order(self, tally: Tally) -> None:
        """What an administrator wants, now and at the next start."""
        with self._db:
            self.save([tally])
            self._db.execute("INSERT INTO wanted (network, until) VALUES (?, ?)", (tally.key, tally.until))

    def orders(self) -> list[Order]:
        """Those that nobody has taken yet."""
        if not self._db.execute("SELECT 1 FROM wanted LIMIT 1").fetchall():
            return []
        rows = self._db.execute("DELETE FROM wanted RETURNING id, network, until").fetchall()
        return [Order(str(row[1]), float(row[2] or 0)) for row in sorted(rows)]
