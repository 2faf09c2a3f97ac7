"""SQLite as the engine of one account: open, transactions, errors.

A `Database` is one connection, used from one thread only (the event loop's, or that of a test or a
command). Checkpoints run elsewhere on connections of their own (`store.checkpoint`).

Rules of the place:
- Writes are BEGIN IMMEDIATE from the first moment: a read that later turns into a write could find
  its snapshot outdated, and would have to be refused.
- `synchronous=NORMAL` here: a commit survives the death of the process, and `store.commit` makes it
  survive power loss. `wal_autocheckpoint=0` and NO_CKPT_ON_CLOSE: no commit and no close pays for a
  checkpoint.
- Statements are cached by text, rows are fetched whole, so nothing stays open between two calls.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.flags import FlagSet
from pillarbox.store import objects, schema
from pillarbox.store.engine import wal_index
from pillarbox.store.tx import Busy, Heavy

FILE = "mail.db"
STATEMENTS = 256  # prepared statements kept a connection; all verbs together have fewer
ROWS = 20  # put into a table by one statement, where there are so many
FULL_PATIENCE = 10.0  # seconds; for callers without an event loop to hold up
WAIT_STEP = 0.0001
LOOKS = 8  # at one account by statement; who looks more often is worth finding its WAL index for

_ACCOUNT = 1  # the value of every `account` column in a file

# The mod-sequence of an account that is being erased, so far below all others that no verb lifts it above 0.
# Connections to its files outlive their names: this is how those that write there learn that it is gone.
_ERASED = -(2**62)


class Transaction:
    """`store.tx.Tx` on SQLite, as a context manager: commits at the end, rolls back on any exception.

    `touched` says after the end whether the account's mod-sequence moved, so whether to ring.
    """

    __slots__ = (
        "_connection",
        "_cursor",
        "_database",
        "_now",
        "_reached",
        "_write",
        "account",
        "prefix",
        "remembered",
        "touched",
    )

    def __init__(self, database: "Database", write: bool) -> None:
        self.account = _ACCOUNT
        self.prefix = database.prefix
        self.remembered = database.remembered
        self._now = 0  # not asked yet
        self.touched = False
        self._database = database
        self._connection = database.connection
        self._cursor = database.cursor
        self._write = write
        self._reached = 0  # 0 = not known, so it has to be read

    @property
    def now(self) -> int:
        if not self._now:
            self._now = int(self._database.clock())
        return self._now

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return self._cursor.execute(sql, args).fetchall()

    def row(self, sql: str, *args: Any) -> tuple[Any, ...] | None:
        # Fetched whole, because a statement left in the middle would keep its snapshot open.
        found = self._cursor.execute(sql, args).fetchall()
        return found[0] if found else None

    def run(self, sql: str, *args: Any) -> int:
        self._cursor.execute(sql, args).fetchall()
        return self._connection.changes()

    def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._cursor.executemany(sql, rows)

    def insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        several = len(rows) // ROWS * ROWS
        if several:
            text = _insert(into, len(rows[0]), ROWS)
            for start in range(0, several, ROWS):
                self._cursor.execute(text, tuple(chain.from_iterable(rows[start : start + ROWS])))
        if several < len(rows):
            self._cursor.executemany(_insert(into, len(rows[0]), 1), rows[several:])

    def expect(self, rows: int) -> None:
        if rows > self._database.most_rows:
            raise Heavy

    def reached(self, modseq: int) -> None:
        if modseq < 0:
            raise NoAccount
        self._reached = modseq

    def taken_back(self) -> None:
        """Part of what was done is not, so the mod-sequence may be an earlier one."""
        self._reached = 0

    def file(self, blob: int) -> objects.File:
        return objects.File(objects.path(self._database.folder, blob))

    def __enter__(self) -> "Transaction":
        try:
            self._cursor.execute("BEGIN IMMEDIATE" if self._write else "BEGIN")
        except apsw.Error as error:
            self._database.roll_back()
            raise translated(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        database = self._database
        if error is not None:
            database.roll_back()
            if isinstance(error, apsw.Error):
                raise translated(error) from error
            return
        try:
            if self._write:
                modseq = self._reached or database.read_modseq()
                self._cursor.execute("COMMIT")
                self.touched = modseq > database.modseq_known
                database.modseq_known = modseq
            else:
                self._cursor.execute("COMMIT")
        except NoAccount:
            database.roll_back()
            raise
        except apsw.Error as failed:
            database.roll_back()
            raise translated(failed) from failed


@lru_cache(maxsize=64)
def _insert(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT OR FAIL INTO {into} VALUES {', '.join([row] * rows)}"


class Database:
    """One open account. `patience` is how many seconds a lock is waited for before `Busy`; a verb that
    expects to write more than `most_rows` rows is `Heavy`."""

    def __init__(self, folder: Path, *, clock: Callable[[], float], patience: float) -> None:
        self.folder = folder
        self.clock = clock
        self.patience = patience
        self.most_rows = math.inf
        self.remembered: dict[FlagSet, int] = {}
        self._waiting_since = 0.0
        self._looks = 0
        self._index: Any = None  # the WAL index's header, and how it was before `_seen` was read
        self._before = b""
        self._seen = 0
        path = folder / FILE
        try:
            self.connection = apsw.Connection(
                str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=STATEMENTS
            )
        except apsw.CantOpenError as error:
            raise NoAccount from error
        try:
            self._prepare()
        except BaseException as error:
            self.connection.close()
            if isinstance(error, apsw.Error):
                raise translated(error) from error
            raise

    def _prepare(self) -> None:
        connection = self.connection
        connection.set_busy_handler(self._wait)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # Plans do not depend on the values bound. Otherwise SQLite plans afresh, for 4 to 8 us, whenever
        # another value is bound to a limit or to one side of a join.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self.cursor = connection.cursor()
        for pragma in ("synchronous=NORMAL", "wal_autocheckpoint=0", "temp_store=MEMORY"):
            self.cursor.execute(f"PRAGMA {pragma}").fetchall()
        version = self._pragma("user_version")
        if version > schema.VERSION:
            raise Refused(
                f"{self.folder.name}/{FILE} is of a newer Pillarbox: its schema version is {version}, "
                f"this program knows none above {schema.VERSION}",
                Code.CONTACTADMIN,
            )
        if self._pragma("application_id") != schema.APPLICATION_ID:
            raise Refused(f"{self.folder.name}/{FILE} is not a Pillarbox account", Code.CONTACTADMIN)
        if version < schema.VERSION:
            self._upgrade()
        select = "SELECT prefix, modseq FROM account WHERE account = ?"
        account: list[Any] = self.cursor.execute(select, (_ACCOUNT,)).fetchall()
        self.prefix: int
        self.modseq_known: int
        self.prefix, self.modseq_known = account[0] if account else (0, 0)
        if self.modseq_known < 0:
            raise NoAccount

    def _pragma(self, name: str) -> int:
        found: list[Any] = self.cursor.execute(f"PRAGMA {name}").fetchall()
        return int(found[0][0])

    def _upgrade(self) -> None:
        """Bring an older file to this version: under the lock, whole or not at all."""
        self.cursor.execute("BEGIN IMMEDIATE")
        try:
            version = self._pragma("user_version")  # another process may have been first
            for migration in schema.MIGRATIONS[version - 1 :]:
                for statement in migration:
                    self.cursor.execute(statement).fetchall()
            if version < schema.VERSION:
                self.cursor.execute(f"PRAGMA user_version={schema.VERSION}")
            self.cursor.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def _wait(self, calls: int) -> bool:
        """SQLite asks whether to go on waiting for a lock. Its own handler sleeps up to 100 ms at a time."""
        now = time.monotonic()
        if calls == 0:
            self._waiting_since = now
        if now - self._waiting_since >= self.patience:
            return False
        time.sleep(WAIT_STEP)
        return True

    def transaction(self, *, write: bool) -> Transaction:
        return Transaction(self, write)

    def read_modseq(self) -> int:
        """The account's mod-sequence as of now, or as of the open transaction."""
        select = "SELECT modseq FROM account WHERE account = ?"
        found: list[Any] = self.cursor.execute(select, (_ACCOUNT,)).fetchall()
        modseq = int(found[0][0]) if found else 0
        if modseq < 0:
            raise NoAccount
        return modseq

    def look(self) -> int:
        """`read_modseq` outside of a transaction, by statement only where somebody has written since."""
        index = self._index
        if index is None:
            if self._looks < LOOKS:
                self._looks += 1
                if self._looks == LOOKS:
                    self._index = wal_index.find(self.folder / FILE)
            return self.read_modseq()
        before = index.raw
        if before != self._before:
            # What is committed between the two is read now, and once more the next time.
            self._seen = self.read_modseq()
            self._before = before
        return self._seen

    def roll_back(self) -> None:
        # After some errors (a full disk among them) SQLite has rolled back by itself.
        if self.connection.in_transaction:
            self.cursor.execute("ROLLBACK")

    def complete(self) -> None:
        """Everything into `mail.db` itself, synced; the log is empty afterwards."""
        self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self) -> None:
        self._index = None
        self.connection.close()


def open_account(
    folder: Path,
    *,
    clock: Callable[[], float] = time.time,
    patience: float = FULL_PATIENCE,
) -> Database:
    """The account in `folder`, brought to the current schema. Refused when it is missing or not ours."""
    return Database(folder, clock=clock, patience=patience)


def empty(first: Iterable[str], migrations: Iterable[Iterable[str]], application_id: int) -> bytes:
    """The bytes of a database with these tables, ready to be used with a write-ahead log."""
    connection = apsw.Connection(":memory:")
    cursor = connection.cursor()
    for pragma in ("page_size=4096", "auto_vacuum=INCREMENTAL"):
        cursor.execute(f"PRAGMA {pragma}").fetchall()
    version = 1
    for statement in first:
        cursor.execute(statement).fetchall()
    for migration in migrations:
        version += 1
        for statement in migration:
            cursor.execute(statement).fetchall()
    cursor.execute(f"PRAGMA application_id={application_id}").fetchall()
    cursor.execute(f"PRAGMA user_version={version}").fetchall()
    image = bytearray(connection.serialize("main"))
    connection.close()
    # The file format's read and write versions (bytes 18 and 19): 2 says "with a write-ahead log". A
    # database in memory cannot be switched to that itself.
    image[18:20] = b"\x02\x02"
    return bytes(image)


def introduce(tx: Transaction, account: int) -> None:
    """The account's own row; `tx` knows its prefix from here on."""
    tx.run(
        "INSERT INTO account VALUES (?, ?, '', ?, 1, 0, 1, ?, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)",
        _ACCOUNT,
        account,
        lineage(),
        tx.now,
    )
    tx.prefix = account


def condemn(folder: Path) -> None:
    """Nothing is committed to the account in `folder` from here on, by whoever has it open."""
    database = open_account(folder)
    try:
        database.cursor.execute("BEGIN IMMEDIATE")
        database.cursor.execute("UPDATE account SET modseq = ? WHERE account = ?", (_ERASED, _ACCOUNT))
        # And nothing is found in it.
        database.cursor.execute(
            "UPDATE mailbox SET deleted = 0, deleted_at = 0 WHERE account = ?", (_ACCOUNT,)
        )
        database.cursor.execute("COMMIT")
    except apsw.Error as error:
        database.roll_back()
        raise translated(error) from error
    finally:
        database.close()


def lineage() -> str:
    """A name for one unbroken history of an account."""
    return apsw.randomness(16).hex()


def translated(error: apsw.Error) -> Exception:
    """What a verb's caller is told: lock waits, a full disk and a broken one are not our bugs."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return Busy(str(error))
        case apsw.FullError() | apsw.IOError() | apsw.CantOpenError() | apsw.ReadOnlyError():
            return Refused("The mail store cannot write at the moment", Code.UNAVAILABLE, temporary=True)
        case apsw.CorruptError() | apsw.NotADBError():
            return Refused("The account's database is damaged", Code.CORRUPTION, temporary=True)
    return error
