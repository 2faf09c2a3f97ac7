"""Header fields that clients ask for again and again, kept as they are sent.

A client that opens a mailbox asks for the same few fields of every message. The first time each message is
opened for that; what was said is kept in `headers.db` in the account's folder, a row a list of fields and
email, and read from there from then on. So nothing is kept that nobody asks for, and nothing at arrival.

Rules of the place:
- The file can be deleted at any time. Emails never change and their ids are given out once, so a row is
  right as long as the account is of the lineage that it was made in.
- It is read on the event loop, some hundred rows at once; it is written on a thread, never synced for
  anybody, and whoever cannot be served from it opens messages.
- It is bounded: `LISTS` lists, `LONGEST` octets a row, and no rows of emails that have been erased (`sweep`).
"""

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from pillarbox.store.engine import sqlite
from pillarbox.store.schema import statements

FILE = "headers.db"
LAYOUT = 1  # `user_version`; a file of another one is made anew
MADE = 1  # grows with any change to what is kept for the same message

LISTS = 4  # of an account, the last made ones: a desktop's, a telephone's, a webmail's and one more
LONGEST = 2_000  # octets of a row; longer ones would need pages of their own
LEAST = 32  # messages opened at once for a list that make it worth its place
KEY = 1_000  # octets of the names in a list

CONNECTIONS = 16
DELAY = 0.5  # seconds from the first rows to be written to the writing: who asks has the processor till then
SOON, MOST = 32, 64  # batches that wait to be written: then it begins at once; no more are taken
LOG = 1 << 20  # octets of its write-ahead log that stay
SLACK = 8  # ids between the ends, for each email, up to which all rows between them are read

_ACCOUNT = 1  # the value of every `account` column in a file

TEXT = """
CREATE TABLE header_list (
  account INTEGER NOT NULL, id INTEGER NOT NULL,
  made TEXT NOT NULL,                     -- lineage and version of the code
  fields BLOB NOT NULL,                   -- lower-case names, ascending
  PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE header_row (
  account INTEGER NOT NULL, list INTEGER NOT NULL, email INTEGER NOT NULL, said BLOB NOT NULL,
  PRIMARY KEY (account, list, email)) WITHOUT ROWID;
"""

_FIND = (
    "SELECT email, said FROM header_row WHERE account = ? AND list ="
    " (SELECT id FROM header_list WHERE account = ? AND made = ? AND fields = ?) AND email"
)

Rows = Sequence[tuple[int, bytes]]
"""Emails and what was said of them."""


class HeaderRows:
    """What this process reads of such files, and has to write. `folder_of` gives an account's folder."""

    def __init__(self, folder_of: Callable[[int], Path], executor: Executor) -> None:
        self._folder_of = folder_of
        self._executor = executor
        self._open: OrderedDict[int, apsw.Connection] = OrderedDict()
        self._waiting: dict[int, deque[tuple[str, bytes, Rows]]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._writing: dict[int, asyncio.Future[None]] = {}

    def find(self, account: int, lineage: str, fields: bytes, emails: Sequence[int]) -> list[bytes | None]:
        """What was said of these fields of each email, None where that is not known."""
        low, high = min(emails), max(emails)
        connection = self._connection(account)
        if connection is None:
            return [None] * len(emails)
        where: tuple[int | str, ...] = low, high
        how = "BETWEEN ? AND ?"
        if high - low > SLACK * len(emails):
            where, how = (json.dumps(list(emails)),), "IN (SELECT value FROM json_each(?))"
        said = (_ACCOUNT, _ACCOUNT, _made(lineage), fields, *where)
        try:
            rows: list[Any] = connection.execute(f"{_FIND} {how}", said).fetchall()
        except apsw.Error:
            self.drop(account)  # just being made, or damaged, which the next writer finds
            return [None] * len(emails)
        return list(map(dict(rows).get, emails))

    def _connection(self, account: int) -> apsw.Connection | None:
        connection = self._open.pop(account, None)
        if connection is None:
            path = self._folder_of(account) / FILE
            if not path.exists():
                return None
            try:
                connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
                connection.execute("PRAGMA query_only=1").fetchall()
                connection.execute("PRAGMA cache_size=-512").fetchall()
            except apsw.Error:
                return None
            while len(self._open) >= CONNECTIONS:
                self._open.popitem(last=False)[1].close()
        self._open[account] = connection
        return connection

    def drop(self, account: int) -> None:
        """Do not use this file again without opening it."""
        connection = self._open.pop(account, None)
        if connection is not None:
            connection.close()

    def keep(self, account: int, lineage: str, fields: bytes, rows: Rows) -> None:
        """Have what was said of some emails written, some time soon, if it is worth it."""
        if len(rows) < LEAST or len(fields) > KEY:
            return
        waiting = self._waiting.setdefault(account, deque())
        if len(waiting) < MOST:
            waiting.append((lineage, fields, [row for row in rows if len(row[1]) <= LONGEST]))
        if account in self._writing:
            return
        if len(waiting) >= SOON:
            self._write(account)
        elif account not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[account] = loop.call_later(DELAY, self._write, account)

    def _write(self, account: int) -> None:
        timer = self._timers.pop(account, None)
        if timer is not None:
            timer.cancel()
        folder, waiting = self._folder_of(account), self._waiting[account]
        job = asyncio.get_running_loop().run_in_executor(self._executor, _write_all, folder, waiting)
        self._writing[account] = job
        job.add_done_callback(lambda job: self._written(account, job))

    def _written(self, account: int, job: asyncio.Future[None]) -> None:
        del self._writing[account]
        if not job.cancelled():
            job.result()
        if self._waiting[account]:
            self._write(account)
        else:
            del self._waiting[account]

    async def settle(self) -> None:
        """Until all that waits is written."""
        for account in list(self._timers):
            self._write(account)
        while self._writing:
            await asyncio.wait(self._writing.values())

    async def stop(self) -> None:
        """What waits is not worth waiting for; what is being written is finished."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for waiting in self._waiting.values():
            waiting.clear()
        await self.settle()
        for account in list(self._open):
            self.drop(account)


def _made(lineage: str) -> str:
    return f"{MADE}.{lineage}"


def _write_all(folder: Path, waiting: deque[tuple[str, bytes, Rows]]) -> None:
    """Write batches until none is left, or until that fails."""
    try:
        connection = _opened(folder)
        if connection is None:
            waiting.clear()
            return
        try:
            while waiting:
                _insert(connection, *waiting.popleft())
        finally:
            connection.close()
    except (apsw.CorruptError, apsw.NotADBError):
        remove(folder)
        waiting.clear()
    except apsw.Error:
        waiting.clear()  # a full disk, or the account is gone


def _opened(folder: Path) -> apsw.Connection | None:
    """For writing; a file of another layout is removed, and made anew by the next one who comes."""
    connection = apsw.Connection(str(folder / FILE))
    try:
        connection.set_busy_timeout(10_000)
        run = connection.execute
        if not run("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
            for pragma in ("page_size=8192", "auto_vacuum=INCREMENTAL", "journal_mode=WAL"):
                run(f"PRAGMA {pragma}").fetchall()
            with _writing(connection):
                if not run("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():  # another may have been first
                    for statement in statements(TEXT):
                        run(statement).fetchall()
                    run(f"PRAGMA user_version={LAYOUT}").fetchall()
        run("PRAGMA synchronous=NORMAL").fetchall()
        run(f"PRAGMA journal_size_limit={LOG}").fetchall()
        usable: list[Any] = run("PRAGMA user_version").fetchall()
    except BaseException:
        connection.close()
        raise
    if usable == [(LAYOUT,)]:
        return connection
    connection.close()
    remove(folder)
    return None


@contextmanager
def _writing(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _insert(connection: apsw.Connection, lineage: str, fields: bytes, rows: Rows) -> None:
    with _writing(connection):
        number = _list(connection, _made(lineage), fields)
        connection.executemany(
            "INSERT OR IGNORE INTO header_row VALUES (?, ?, ?, ?)",
            ((_ACCOUNT, number, email, said) for email, said in rows),
        )


def _list(connection: apsw.Connection, made: str, fields: bytes) -> int:
    """The list's number; if it is new, the oldest ones make room for it."""
    lists: list[Any] = connection.execute(
        "SELECT id, made, fields FROM header_list WHERE account = ? ORDER BY id", (_ACCOUNT,)
    ).fetchall()
    for number, *what in lists:
        if what == [made, fields]:
            return int(number)
    usable = [number for number, was, _ in lists if was == made]
    _drop_lists(connection, {number for number, *_ in lists} - set(usable[1 - LISTS :]))
    number = lists[-1][0] + 1 if lists else 1
    connection.execute("INSERT INTO header_list VALUES (?, ?, ?, ?)", (_ACCOUNT, number, made, fields))
    return number


def _drop_lists(connection: apsw.Connection, numbers: set[int]) -> None:
    for number in numbers:
        connection.execute("DELETE FROM header_row WHERE account = ? AND list = ?", (_ACCOUNT, number))
        connection.execute("DELETE FROM header_list WHERE account = ? AND id = ?", (_ACCOUNT, number))


PAGE = 1_000  # rows looked at in one transaction


def sweep(folder: Path, lineage: str) -> None:
    """Delete what was said of emails that are erased, and lists of another lineage. For a thread."""
    if not (folder / FILE).exists():
        return
    with suppress(apsw.Error):
        connection = _opened(folder)
        if connection is None:
            return
        mail = sqlite.open_account(folder)
        try:
            with _writing(connection):
                lists: list[Any] = connection.execute(
                    "SELECT id, made FROM header_list WHERE account = ?", (_ACCOUNT,)
                ).fetchall()
                _drop_lists(connection, {number for number, made in lists if made != _made(lineage)})
            for number, _ in lists:
                after = 0
                while after >= 0:
                    after = _sweep_page(connection, mail, number, after)
            connection.execute("PRAGMA incremental_vacuum").fetchall()
        finally:
            mail.close()
            connection.close()


def _sweep_page(connection: apsw.Connection, mail: sqlite.Database, number: int, after: int) -> int:
    """The email to go on after; -1 at the end."""
    page: list[Any] = connection.execute(
        "SELECT email FROM header_row WHERE account = ? AND list = ? AND email > ? ORDER BY email LIMIT ?",
        (_ACCOUNT, number, after, PAGE),
    ).fetchall()
    if not page:
        return -1
    emails = {email for (email,) in page}
    with mail.transaction(write=False) as tx:
        living = tx.rows(
            "SELECT id FROM email WHERE +account = ? AND id BETWEEN ? AND ?",
            tx.account,
            min(emails),
            max(emails),
        )
    with _writing(connection):
        connection.executemany(
            "DELETE FROM header_row WHERE account = ? AND list = ? AND email = ?",
            [(_ACCOUNT, number, email) for email in emails - {email for (email,) in living}],
        )
    return int(page[-1][0])


def remove(folder: Path) -> None:
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        (folder / name).unlink(missing_ok=True)
