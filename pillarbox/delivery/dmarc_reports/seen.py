"""`dmarc.db`: what was seen of mail that claims to be from a domain, by day (UTC), and what was reported.

Workers count in memory and write every few seconds; what a process had not written when it was killed is
missing from a report, and nothing else. Equal rows are one. It is bounded: of a domain and in all, so that
who writes mail in the name of very many domains fills no disk.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec

from pillarbox.filter.auth.dmarc.aggregate import Counted, Period
from pillarbox.filter.auth.dmarc.judge import Row

FILE = "dmarc.db"
BUSY_MILLISECONDS = 10_000
DAY = 86_400
MOST = 200_000  # rows in all, of some 500 octets
MOST_EACH = 5_000  # rows of one report; all further messages of that day are in none
KEPT = 14  # days that are shown by the command
PAUSE = 5.0  # seconds between two writings of one process

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS seen (
      id INTEGER NOT NULL PRIMARY KEY, day INTEGER NOT NULL, domain TEXT NOT NULL,
      row BLOB NOT NULL, count INTEGER NOT NULL)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS seen_row ON seen (day, domain, row)",
    """CREATE TABLE IF NOT EXISTS told (        -- what became of the report
      day INTEGER NOT NULL, domain TEXT NOT NULL, at INTEGER NOT NULL, how TEXT NOT NULL,
      PRIMARY KEY (day, domain)) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Day:
    """`day` counts from 1970. `how`: what became of its report, "" while there is none."""

    day: int
    domain: str
    rows: tuple[Counted, ...]
    how: str = ""

    @property
    def period(self) -> Period:
        return Period(self.day * DAY, self.day * DAY + DAY - 1)


class Reports:
    """The file, for one thread."""

    def __init__(self, folder: Path) -> None:
        self._db = apsw.Connection(str(folder / FILE))
        self._db.set_busy_timeout(BUSY_MILLISECONDS)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for statement in _SCHEMA:
            self._db.execute(statement)

    def close(self) -> None:
        self._db.close()

    def add(self, counts: "Counter[tuple[int, Row]]") -> None:
        with self._db:
            room = MOST - self._number("SELECT count(*) FROM seen")
            for (day, row), count in counts.items():
                encoded = msgspec.json.encode(row)
                found = self._db.execute(
                    "UPDATE seen SET count = count + ? WHERE day = ? AND domain = ? AND row = ? RETURNING 1",
                    (count, day, row.domain, encoded),
                ).fetchall()
                each = (
                    0
                    if found
                    else self._number(
                        "SELECT count(*) FROM seen WHERE day = ? AND domain = ?", day, row.domain
                    )
                )
                if not found and room > 0 and each < MOST_EACH:
                    room -= 1
                    self._db.execute(
                        "INSERT INTO seen (day, domain, row, count) VALUES (?, ?, ?, ?)",
                        (day, row.domain, encoded, count),
                    )

    def due(self, today: int) -> list[tuple[int, str]]:
        """Days that are over and domains that have not been told of them."""
        rows = self._db.execute(
            "SELECT DISTINCT day, domain FROM seen WHERE day < ? AND NOT EXISTS"
            " (SELECT 1 FROM told WHERE told.day = seen.day AND told.domain = seen.domain)"
            " ORDER BY day, domain",
            (today,),
        )
        return [(int(str(day)), str(domain)) for day, domain in rows]

    def days(self) -> list[tuple[int, str]]:
        rows = self._db.execute("SELECT DISTINCT day, domain FROM seen ORDER BY day, domain")
        return [(int(str(day)), str(domain)) for day, domain in rows]

    def read(self, day: int, domain: str) -> Day:
        rows = self._db.execute(
            "SELECT row, count FROM seen WHERE day = ? AND domain = ? ORDER BY id", (day, domain)
        ).fetchall()
        told = self._db.execute("SELECT how FROM told WHERE day = ? AND domain = ?", (day, domain)).fetchall()
        counted = tuple(
            Counted(msgspec.json.decode(row, type=Row), int(str(count)))
            for row, count in rows
            if isinstance(row, bytes)
        )
        return Day(day, domain, counted, str(told[0][0]) if told else "")

    def told(self, day: int, domain: str, at: int, how: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)", (day, domain, at, how))

    def forget(self, before: int) -> None:
        with self._db:
            self._db.execute("DELETE FROM seen WHERE day < ?", (before,))
            self._db.execute("DELETE FROM told WHERE day < ?", (before,))

    def _number(self, sql: str, *values: object) -> int:
        return int(str(self._db.execute(sql, values).fetchall()[0][0]))


class Notebook:
    """Counts for one process, and writes on a thread of its own that begins with the first row."""

    def __init__(
        self, folder: Path, *, clock: Callable[[], float], report: Callable[[BaseException], object]
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._report = report
        self._counts: Counter[tuple[int, Row]] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, row: Row | None) -> None:
        if row is None:
            return
        with self._lock:
            if len(self._counts) < MOST:
                self._counts[int(self._clock()) // DAY, row] += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dmarc reports", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Returns when all is written."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(PAUSE):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            reports = Reports(self._folder)
            try:
                reports.add(counts)
            finally:
                reports.close()
        except Exception as error:
            with suppress(Exception):
                self._report(error)
