"""`search.db`: the file that keeps an account's index.

Rules of the place:
- It keeps a format, and the lineage of the account it was made from. One of another format or lineage is
  as good as none.
- Each step of the writer is one transaction, which carries the cursor: the id up to which all emails are
  in it. So a writer that dies at any moment leaves what was there before or what comes after.
- It is written lazily (`synchronous=NORMAL` and a log): a power cut takes back steps, whole and in order.
- Ids of segments and vocabularies are not used twice in one file, so what was read may be remembered under
  them. A file is known by its inode.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw

from pillarbox.message import searchable
from pillarbox.message.documents.version import version
from pillarbox.store.index.document import Field
from pillarbox.store.index.runs import Kind
from pillarbox.store.schema import statements

FILE = "search.db"
BAD = "search.bad"  # lies beside it when a reader has found it damaged
LOCK = "search.lock"  # held by who writes
ERASED = "search.erased"  # lies beside it when mail has been erased that may be in it
APPLICATION_ID = 0x50424F53  # "PBOS"
LAYOUT = 7

# Arrays are kept as this machine has them in memory.
FORMAT = f"{LAYOUT}.{searchable.VERSION}.{version()}.{sys.byteorder}"

PAGE = 4096  # most rows are larger and end in a page that is half empty
CHUNK = 1 << 14  # postings in one row
SLACK = 8  # an eighth of the file may be unused
TIDY_WAIT = 100  # milliseconds to have the log for oneself
WAIT = 10_000  # milliseconds a writer waits for another, or a reader while a log is begun anew

ACCOUNT = 1  # the value of every `account` column in a file

TEXT = """
CREATE TABLE search_cursor (
  account INTEGER NOT NULL PRIMARY KEY,
  format TEXT NOT NULL, lineage TEXT NOT NULL,
  email INTEGER NOT NULL,                 -- all up to this id are in here
  modseq INTEGER NOT NULL,                -- the account's when that was found
  next_segment INTEGER NOT NULL,
  messages INTEGER NOT NULL,              -- of all segments
  checked INTEGER NOT NULL);              -- see checksum
CREATE TABLE segment (
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY,
  first INTEGER NOT NULL, last INTEGER NOT NULL, messages INTEGER NOT NULL,
  manifest BLOB NOT NULL,                 -- see manifest
  emails BLOB NOT NULL);                  -- ids, compressed
CREATE TABLE vocabulary (                 -- id: see vocabulary_id
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY,
  words BLOB NOT NULL, counts BLOB NOT NULL, steps BLOB NOT NULL);
CREATE TABLE posting (                    -- id: see posting_id
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY, numbers BLOB NOT NULL);
CREATE TABLE dictionary (                 -- what texts are compressed with
  account INTEGER NOT NULL, name TEXT NOT NULL PRIMARY KEY, octets BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE text (                       -- id: that of its first email
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY, last INTEGER NOT NULL,
  places BLOB NOT NULL, own BLOB NOT NULL, header BLOB NOT NULL, body BLOB NOT NULL);
"""

DICTIONARIES = "SELECT name, octets FROM dictionary WHERE account = ?"


def vocabulary_id(segment: int, field: Field, kind: Kind) -> int:
    return segment << 8 | field << 4 | kind


def field_of(vocabulary: int) -> int:
    """What a vocabulary is of."""
    return vocabulary >> 4 & 15


def segment_of(vocabulary: int) -> int:
    return vocabulary >> 8


def posting_id(vocabulary: int, chunk: int) -> int:
    return vocabulary << 20 | chunk


def checksum(email: int, messages: int) -> int:
    """Of what a cursor says: a reader that believed a wrong one would pass over mail."""
    return crc32(b"%d %d" % (email, messages))


def span_of(segment: int) -> tuple[int, int]:
    """The ids of a segment's vocabularies, from and up to."""
    return segment << 8, (segment << 8) + 255


class Database:
    """A connection. One thread at a time uses it."""

    def __init__(self, path: Path, *, write: bool) -> None:
        """Raises `apsw.Error`: CantOpenError where there is none, and it is only to be read."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READWRITE
        self.connection = apsw.Connection(str(path), flags=flags)
        try:
            self.connection.set_busy_timeout(WAIT if write else 0)
            self.cursor = self.connection.cursor()
            if write:
                self._make()
            else:
                self.pragma("query_only=1")
                # A reader that closes last must not take a log away that a writer has just begun.
                self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        except BaseException:
            self.connection.close()
            raise

    def _make(self) -> None:
        if not self.rows("SELECT 1 FROM sqlite_schema LIMIT 1"):
            for pragma in (f"page_size={PAGE}", "auto_vacuum=INCREMENTAL", "journal_mode=WAL"):
                self.pragma(pragma)
            with self.writing():
                if not self.rows("SELECT 1 FROM sqlite_schema LIMIT 1"):  # another may have been first
                    self.create()
        self.pragma("synchronous=NORMAL")
        self.pragma("temp_store=MEMORY")

    def create(self) -> None:
        for statement in statements(TEXT):
            self.run(statement)
        self.pragma(f"application_id={APPLICATION_ID}")

    def pragma(self, text: str) -> list[Any]:
        return self.cursor.execute(f"PRAGMA {text}").fetchall()

    def rows(self, sql: str, *args: Any) -> list[Any]:
        return self.cursor.execute(sql, args).fetchall()

    def run(self, sql: str, *args: Any) -> None:
        self.cursor.execute(sql, args).fetchall()

    def writing(self) -> _Writing:
        return _Writing(self)

    def tidy(self) -> None:
        """Give back what the file and its log do not need any more."""
        if self.pragma("freelist_count")[0][0] * SLACK > self.pragma("page_count")[0][0]:
            self.pragma("incremental_vacuum")
        self.connection.set_busy_timeout(TIDY_WAIT)
        self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self) -> None:
        self.connection.close()


class _Writing:
    """A transaction that writes: whole or not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.run("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._database.run("COMMIT")
        elif self._database.connection.in_transaction:
            self._database.run("ROLLBACK")


def remove(folder: Path) -> None:
    """The file and what SQLite keeps beside it. Who has it open finds the next one by its inode."""
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", BAD, ERASED):
        (folder / name).unlink(missing_ok=True)


def mark_erased(folder: Path) -> None:
    """Have the indexer look for what was erased."""
    if (folder / FILE).exists():
        (folder / ERASED).touch()
