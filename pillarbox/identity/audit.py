"""`audit.db`: who came in, who did not, who was shut out, and what administrators did.

Rows are only ever added, and the oldest of a kind taken away when there are too many or when they are too
old: each kind has its own bound, so that a million failures push no administrator's act out. Many
processes have the file open at once. Nothing secret is in it, and a name that nobody can have is not written
down, because people type passwords where names belong.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import apsw

from pillarbox.identity.addresses import maybe_address

EVENTS = ("login", "failure", "ban", "refusal", "admin")
FILE = "audit.db"
MAX_DETAIL = 500  # characters
MAX_QUEUED = 10_000  # entries that a process has not written yet; more are counted, and lost
GATHER = 0.05  # seconds in which entries are gathered to one write, so that a rush of logins is a few
BUSY_MILLISECONDS = 10_000
NOBODY = "(no address)"  # in the place of a name that no account can have

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entry (
      id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, event TEXT NOT NULL,
      account TEXT NOT NULL, address TEXT NOT NULL, protocol TEXT NOT NULL, mechanism TEXT NOT NULL,
      device TEXT NOT NULL, tls INTEGER NOT NULL, detail TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entry_event ON entry (event, id)",
    "CREATE INDEX IF NOT EXISTS entry_account ON entry (account, id)",
    "CREATE INDEX IF NOT EXISTS entry_address ON entry (address, id)",
    """CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE UPDATE ON entry
      BEGIN SELECT RAISE(ABORT, 'what is in the audit log stays as it is'); END""",
)
_COLUMNS = "at, event, account, address, protocol, mechanism, device, tls, detail"


@dataclass(frozen=True, slots=True)
class Entry:
    """`account` is a folded address, `address` where the client is, `device` the name of the app password,
    `detail` the reason of a failure, or what an administrator did."""

    at: float
    event: str
    account: str = ""
    address: str = ""
    protocol: str = ""
    mechanism: str = ""
    device: str = ""
    tls: bool = False
    detail: str = ""


def account_name(typed: str) -> str:
    """How an account stands in the log, however a client has spelled it."""
    written = maybe_address(typed)
    return written.folded if written is not None else NOBODY


class Audit:
    """The file. `durable`: an entry survives the loss of power at once, and not only that of the process."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(BUSY_MILLISECONDS)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        for statement in _SCHEMA:
            self._db.execute(statement)

    def close(self) -> None:
        self._db.close()

    def append(self, entries: Iterable[Entry]) -> None:
        with self._db:
            self._db.executemany(
                f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*astuple(each)[:-1], each.detail[:MAX_DETAIL]) for each in entries],
            )

    def find(
        self,
        *,
        account: str | None = None,
        address: str | None = None,
        since: float | None = None,
        event: str | None = None,
        limit: int = -1,
    ) -> list[Entry]:
        """The newest that are all of this, oldest first."""
        wanted = {"account = ?": account, "address = ?": address, "at >= ?": since, "event = ?": event}
        given = {test: value for test, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM entry {where} ORDER BY id DESC LIMIT ?", (*given.values(), limit)
        ).fetchall()
        return [_entry(row) for row in reversed(rows)]

    def prune(self, oldest: float, entries: int) -> None:
        """Take away what came before `oldest`, and of each kind all but the newest `entries`."""
        for event in EVENTS:
            over = self._db.execute(
                "SELECT id FROM entry WHERE event = ? ORDER BY id DESC LIMIT 1 OFFSET ?", (event, entries)
            ).fetchall()
            last = over[0][0] if over else 0
            self._db.execute(
                "DELETE FROM entry WHERE event = ? AND (id <= ? OR at < ?)", (event, last, oldest)
            )


def _entry(row: tuple[Any, ...]) -> Entry:
    at, event, account, address, protocol, mechanism, device, tls, detail = row
    return Entry(at, event, account, address, protocol, mechanism, device, bool(tls), detail)


class Scribe:
    """Writes entries on a thread of its own: whoever notes one never waits, and never fails."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float], report: Callable[[BaseException], object]
    ) -> None:
        self._path = path
        self._clock = clock
        self._report = report
        self._queue: deque[Entry] = deque()
        self._lost = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._broken = False
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def note(self, event: str, **fields: str | bool) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self._lost += 1
            return
        self._queue.append(Entry(self._clock(), event, **fields))  # type: ignore[arg-type]
        self._wake.set()

    def close(self) -> None:
        """Returns when all is written."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _write(self) -> None:
        audit: Audit | None = None
        while not (self._closing.is_set() and not self._queue):
            self._wake.wait()
            self._closing.wait(GATHER)
            self._wake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            if self._lost:
                lost, self._lost = self._lost, 0
                batch.append(Entry(self._clock(), "failure", detail=f"{lost} entries were lost"))
            if not batch:
                continue
            try:
                audit = audit or Audit(self._path)
                audit.append(batch)
                self._broken = False
            except Exception as error:
                self._lost += len(batch)
                if not self._broken:  # a full disk is one line, not one for each login
                    self._broken = True
                    with suppress(Exception):
                        self._report(error)
        if audit is not None:
            audit.close()
