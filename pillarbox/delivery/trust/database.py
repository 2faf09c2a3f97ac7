"""`trust.db`: policies of other domains, and what became of sessions with them.

It may be lost: policies are fetched again, reports have a gap. So no change waits for the disk. One process
writes it, and commands read it.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from pillarbox.model.errors import Refused

T = TypeVar("T")

FILE = "trust.db"
BUSY_MILLISECONDS = 5_000

_FIRST = (
    """CREATE TABLE policy (                   -- of MTA-STS, as they were fetched
      domain TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, text BLOB NOT NULL,
      fetched_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
      used_at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE session (                  -- how often what became of a session with whom
      day INTEGER NOT NULL,                    -- since 1970, in UTC
      domain TEXT NOT NULL,                    -- of the recipients
      policy TEXT NOT NULL,                    -- JSON: the one that was followed, as reports have it
      result TEXT NOT NULL,                    -- '' is success, else a type of RFC 8460 4.3
      host TEXT NOT NULL, address TEXT NOT NULL, own_address TEXT NOT NULL, reason TEXT NOT NULL,
      count INTEGER NOT NULL,
      PRIMARY KEY (day, domain, policy, result, host, address, own_address, reason)) WITHOUT ROWID""",
    """CREATE TABLE report (                   -- what has been told of a day
      day INTEGER NOT NULL, domain TEXT NOT NULL, at INTEGER NOT NULL,
      sent_to TEXT NOT NULL,                   -- '' where the domain wants none
      PRIMARY KEY (day, domain)) WITHOUT ROWID""",
)
_UPGRADES = (_FIRST,)


class Trust:
    """It may be used from any thread; each verb is a transaction."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._turn = threading.Lock()
        self._opened: apsw.Connection | None = None

    def do(self, verb: Callable[["Trust"], T]) -> T:
        with self._turn:
            try:
                return self._done(verb)
            except (apsw.CorruptError, apsw.NotADBError):
                # It can be lost, and what it knows must not stop mail.
                self._begin_anew()
                return self._done(verb)

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Within `do`."""
        return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        with self._turn:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _done(self, verb: Callable[["Trust"], T]) -> T:
        db = self._db
        db.execute("BEGIN IMMEDIATE").fetchall()
        try:
            done = verb(self)
            db.execute("COMMIT").fetchall()
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK").fetchall()
            raise
        return done

    def _begin_anew(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        for path in self._path.parent.glob(f"{FILE}*"):
            path.unlink(missing_ok=True)

    @property
    def _db(self) -> apsw.Connection:
        if self._opened is None:
            opened = apsw.Connection(str(self._path))
            opened.set_busy_timeout(BUSY_MILLISECONDS)
            opened.execute("PRAGMA journal_mode = WAL").fetchall()
            opened.execute("PRAGMA synchronous = NORMAL").fetchall()
            with opened:
                version = int(str(opened.execute("PRAGMA user_version").fetchall()[0][0]))
                if version > len(_UPGRADES):
                    raise Refused(f"{self._path} was written by a newer Pillarbox (schema {version})")
                for step in _UPGRADES[version:]:
                    for statement in step:
                        opened.execute(statement).fetchall()
                opened.execute(f"PRAGMA user_version = {len(_UPGRADES)}").fetchall()
            self._opened = opened
        return self._opened
