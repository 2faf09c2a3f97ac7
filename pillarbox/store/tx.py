"""The seam under every verb: an open transaction on one account.

A verb is a plain function `verb(tx, actor, ...)`. It sees the database only through `Tx`, so the same
verb runs on an embedded file, later on PostgreSQL, and in a test without an event loop.

Rules of the place:
- Every statement names `account = ?` first and passes `tx.account`; one that takes a stretch of ids says
  `+account = ?`, or an index on the account and something else would be taken for it, and read whole.
- Statement texts are constants or built from constants: engines cache prepared statements by text.
- A statement that writes many rows says `OR FAIL`, unless it has an ON CONFLICT of its own: a verb that fails
  is taken back as a whole, so SQLite need not keep, page by page, what that statement alone has done. Engines
  without these words are given the text without them.
- All rows are fetched before a call returns; no cursor leaves a verb, and no verb keeps `tx`.
- A verb may be run again from the top (lock waits, serialisation failures), so it has no side
  effect but through `tx`.
- A write transaction holds the account's lock from its first moment: UIDs, ids and mod-sequences
  read and written in it belong to it alone, and commit order is mod-sequence order.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from pillarbox.model.flags import FlagSet
from pillarbox.store.objects import File


class Tx(Protocol):
    """One transaction on one account; `account` and friends never change while it is open."""

    @property
    def account(self) -> int:
        """Value of every `account` column: 1 in an embedded file, the prefix on a shared database."""
        ...

    @property
    def prefix(self) -> int:
        """High 31 bits of every object id of this account."""
        ...

    @property
    def now(self) -> int:
        """UTC seconds, one value for the whole transaction."""
        ...

    @property
    def remembered(self) -> dict[FlagSet, int]:
        """Numbers of flag sets that this connection has met: to be believed only where the row says so too,
        as what gave a number out may have been taken back, or the set swept."""
        ...

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """All rows of a SELECT, or of a statement with RETURNING."""
        ...

    def row(self, sql: str, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        ...

    def run(self, sql: str, *args: Any) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement once a row."""
        ...

    def insert(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows into a table, or into the columns of it that `into` names: as many as there are values."""
        ...

    def expect(self, rows: int) -> None:
        """A verb is about to write that many rows. Where so many would hold up others it raises `Heavy`, and
        the verb is run again from the top in another place."""
        ...

    def reached(self, modseq: int) -> None:
        """The account has come to this mod-sequence (`changes` says so)."""
        ...

    def file(self, blob: int) -> File:
        """The compressed bytes of a blob too large for a row. FileNotFoundError when it is erased."""
        ...


class Heavy(Exception):
    """The verb writes too much for the event loop; it has changed nothing."""


class Busy(Exception):
    """The account's lock was not free within the patience given; the verb did not run. Try again."""
