"""The INBOX as it was at login: what a session counts, lists and deletes from (RFC 1939 4).

Message n is the nth UID of the store's columns as of the login, for the whole session. Everything else about
it is read when it is asked for, and of expunged messages too, as long as the store keeps them.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from pillarbox.model.errors import Code, Refused
from pillarbox.model.names import INBOX
from pillarbox.store import blobs, emails, mailboxes, messages
from pillarbox.store.blobs import Blob
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.identity.authenticate import Login
    from pillarbox.model.actors import Actor
    from pillarbox.model.column import Column
    from pillarbox.pop3.wire.answer import Page
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

ROWS = 500  # read at once: half a millisecond
AHEAD = 16  # messages read at once for a client that takes one after the other
HELD = 64 * 1024  # octets, as they are stored, of those that it has not asked for yet
TRIES = (
    100  # to see counters and UIDs of one moment; others write between two of them only on other processes
)

GLANCED = ("header_size", "size", *blobs.COLUMNS)

_UNIQUE_ID = re.compile(r"[!-~]{1,70}")  # RFC 1939 7


class Maildrop:
    """`count` and `octets` are of the messages that are not marked as deleted."""

    __slots__ = (
        "_ahead",
        "_all",
        "_at_once",
        "_marks",
        "_next",
        "_store",
        "_uidvalidity",
        "account",
        "actor",
        "count",
        "mailbox",
        "octets",
        "uids",
    )

    def __init__(
        self, store: Store, login: Login, mailbox: int, uidvalidity: int, uids: Column, octets: int
    ) -> None:
        self._store = store
        self._uidvalidity = uidvalidity
        self._all = len(uids), octets
        self._marks: bytearray | None = None  # 1 for a deleted message; there since the first one
        self._ahead: dict[int, tuple[Any, ...]] = {}  # by UID: what has been read and not been asked for
        self._next = 0  # the message that is asked for next, if they are taken in their order
        self._at_once = 1
        self.account = login.account
        self.actor: Actor = login.actor
        self.mailbox = mailbox
        self.uids = uids
        self.count, self.octets = self._all

    @property
    def deletes(self) -> bool:
        return self._marks is not None

    # One message

    def uid(self, number: int) -> int:
        """Refused unless there is a message of that number and it is not deleted."""
        if not 1 <= number <= len(self.uids):
            raise Refused(f"There is no message {number}, there are {len(self.uids)}")
        if self._marks is not None and self._marks[number - 1]:
            raise Refused(f"Message {number} is deleted")
        return self.uids[number - 1]

    async def size(self, number: int) -> int:
        return int((await self._row(number, ("size",)))[0])

    async def unique_id(self, number: int) -> str:
        uid = self.uid(number)
        return self._unique_id(uid, (await self._row(number, ("uidl",)))[0])

    async def open(self, number: int) -> tuple[Blob, int]:
        """The octets of a message, and how many of them are its header."""
        found = await self._store.read(self.account, _opened, self.actor, self.mailbox, self.uid(number))
        if found is None:
            raise _erased(number)
        return found

    def glance(self, number: int) -> tuple[Any, ...] | None:
        """A message's `GLANCED` columns, in one statement; or `Busy`. None where it has been expunged.

        Who takes one message after the other takes thousands, and most of what a row costs is to begin.
        """
        uid = self.uid(number)
        in_order, self._next = number == self._next, number + 1
        if (row := self._ahead.pop(uid, None)) is not None:
            return row
        self._at_once = min(2 * self._at_once, AHEAD) if in_order else 1
        last = self.uids[min(number + self._at_once - 1, len(self.uids)) - 1]
        rows = self._store.glance(
            self.account, emails.rows, self.actor, self.mailbox, uid, last, ("uid", *GLANCED)
        )
        self._ahead.clear()
        room = HELD
        for row in rows[1:]:
            room -= len(row[-1] or b"")
            if room < 0:
                self._at_once = 1 + len(self._ahead)
                break
            self._ahead[row[0]] = row[1:]
        return rows[0][1:] if rows and rows[0][0] == uid else None

    async def delete(self, number: int) -> None:
        size = await self.size(number)
        if self._marks is None:
            self._marks = bytearray(len(self.uids))
        self._marks[number - 1] = 1
        self.count -= 1
        self.octets -= size

    # All messages

    async def sizes(self) -> AsyncGenerator[Page, None]:
        async for numbers, rows in self._pages(("uid", "size")):
            yield [(number, row[1]) for number, row in zip(numbers, rows)]

    async def unique_ids(self) -> AsyncGenerator[Page, None]:
        async for numbers, rows in self._pages(("uid", "uidl")):
            yield [(number, self._unique_id(*row)) for number, row in zip(numbers, rows)]

    def keep_all(self) -> None:
        """No message is deleted."""
        self._marks = None
        self.count, self.octets = self._all

    async def apply(self) -> None:
        """RFC 1939 6: remove what is deleted, all of it or, when it is refused, nothing. That is on disk when
        this returns; what others have removed meanwhile is gone as well."""
        if self._marks is None:
            return
        turns = Turns()
        runs: list[tuple[int, int]] = []
        for start, stop in _spans(self._marks):
            # What was between two of these and is not in the snapshot was gone before; nothing comes there.
            runs.append((self.uids[start], self.uids[stop - 1]))
            await turns.take()
        await self._store.write(self.account, messages.remove, self.actor, self.mailbox, tuple(runs))

    # Inside

    async def _row(self, number: int, columns: tuple[str, ...]) -> tuple[Any, ...]:
        rows = await self._rows(((uid := self.uid(number)), uid), columns, with_buried=False)
        rows = rows or await self._rows((uid, uid), columns, with_buried=True)
        if not rows:
            raise _erased(number)
        return rows[0]

    async def _rows(
        self, ends: tuple[int, int], columns: tuple[str, ...], *, with_buried: bool
    ) -> list[tuple[Any, ...]]:
        return await self._store.read(
            self.account, emails.rows, self.actor, self.mailbox, *ends, columns, with_buried=with_buried
        )

    async def _pages(
        self, columns: tuple[str, ...]
    ) -> AsyncIterator[tuple[list[int], list[tuple[Any, ...]]]]:
        """Numbers and rows of what is not deleted; without what has been erased for good."""
        for start in range(0, len(self.uids), ROWS):
            uids = self.uids[start : start + ROWS]
            rows = await self._rows((uids[0], uids[-1]), columns, with_buried=False)
            numbers = list(range(start + 1, start + len(uids) + 1))
            if len(rows) != len(uids):
                rows = await self._rows((uids[0], uids[-1]), columns, with_buried=True)
                numbers, rows = _aligned(uids, numbers, rows)
            marks = self._marks
            if marks is not None and 1 in marks[start : start + len(uids)]:
                left = [at for at, number in enumerate(numbers) if not marks[number - 1]]
                numbers, rows = [numbers[at] for at in left], [rows[at] for at in left]
            yield numbers, rows

    def _unique_id(self, uid: int, migrated: str | None) -> str:
        """What another server called the message, or UIDVALIDITY and UID, which no other ever has."""
        if migrated is not None and _UNIQUE_ID.fullmatch(migrated):
            return migrated
        return f"{self._uidvalidity}-{uid}"


async def open_maildrop(store: Store, login: Login) -> Maildrop:
    inbox = await store.read(login.account, mailboxes.require, login.actor, INBOX)
    for _ in range(TRIES):
        columns = await store.columns(login.account, login.actor, inbox.id)
        status = await store.read(login.account, mailboxes.status, login.actor, inbox.id)
        if status.highest <= columns.modseq and status.messages == len(columns.uids):
            return Maildrop(store, login, inbox.id, status.uidvalidity, columns.uids, status.size)
    raise Refused("The maildrop is busy", Code.UNAVAILABLE, temporary=True)


def _opened(tx: Tx, actor: Actor, mailbox: int, uid: int) -> tuple[Blob, int] | None:
    wanted = ("header_size", "blob", "size", *blobs.COLUMNS)
    for with_buried in (False, True):
        for header_size, *row in emails.rows(tx, actor, mailbox, uid, uid, wanted, with_buried=with_buried):
            found = blobs.of_row(tx, *row)
            return None if found is None else (found, header_size)
    return None


def _aligned(
    uids: array[int], numbers: list[int], rows: list[tuple[Any, ...]]
) -> tuple[list[int], list[tuple[Any, ...]]]:
    """The rows that are of `uids`, and their numbers."""
    number_of = dict(zip(uids, numbers))
    rows = [row for row in rows if row[0] in number_of]
    return [number_of[row[0]] for row in rows], rows


def _spans(marks: bytearray) -> Iterator[tuple[int, int]]:
    """Where the ones are, as half-open pairs."""
    stop = 0
    while (start := marks.find(1, stop)) >= 0:
        stop = marks.find(0, start)
        if stop < 0:
            stop = len(marks)
        yield start, stop


def _erased(number: int) -> Refused:
    return Refused(f"Message {number} has been erased meanwhile", Code.NONEXISTENT)
