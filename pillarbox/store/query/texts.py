"""Keys that are decided by what messages say: From, Subject and other fields, body, all text.

Where there is an index it is asked (`index.lookup`), and what it cannot decide is looked into in the texts
it keeps. What it does not hold yet, and everything where there is none, is told by the fields that are kept
of it (`arrived`), or read from the messages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pillarbox.message.casemap import fold_text
from pillarbox.message.derive import DERIVED_VERSION
from pillarbox.message.searchable import Documents
from pillarbox.model import masks
from pillarbox.model.errors import Refused
from pillarbox.model.masks import Mask
from pillarbox.store import blobs
from pillarbox.store.blobs import Blob
from pillarbox.store.index import marks
from pillarbox.store.index.marks import Marks
from pillarbox.store.index.reader import Moved, Snapshot
from pillarbox.store.index.texts import Damaged
from pillarbox.store.query import rows
from pillarbox.store.query.arrived import Arrived, by_fields
from pillarbox.store.query.emails import Mailbox
from pillarbox.store.query.plan import Step
from pillarbox.store.query.question import Question, Stored, TextKey, looking, question
from pillarbox.store.query.scope import Scope
from pillarbox.store.staged import Place
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

READ = 32  # messages opened in one read
DENSE = 4  # ids between the ends, for each email, up to which all between them are read
MANY = 16  # where one of so many messages is wanted, the fields of all are read
TAIL = 500  # rows of them
ON_LOOP = 256 * 1024  # octets; a larger message is looked into on a thread
TRIES = 4  # with an index whose segments are just being joined

# Microseconds: to look for a needle in the words of one message, and to look into one message.
LOOK_UP, LOOK_INTO = 0.06, 70.0


T = TypeVar("T")
Judge = Callable[[Documents | None, Blob, Stored], T]  # of a message


class _HasDocuments(Exception):
    """A message cannot be looked into on the loop."""


def _on_thread(content_type: str, name: str, data: bytes) -> str:
    raise _HasDocuments


@dataclass(slots=True)
class _Work:
    """What has been done for one key."""

    by: str = "messages"
    sure: int = 0
    looked_into: int = 0
    read: int = 0
    since: float = field(default_factory=time.monotonic)


class Texts:
    """The text keys of one search, which all look at the same moment of the index."""

    def __init__(self, store: Store, scope: Scope, turns: Turns) -> None:
        self._store = store
        self._scope = scope
        self._turns = turns
        self.mailbox = Mailbox(store, scope, turns)
        self._asked = False
        self.snapshot: Snapshot | None = None
        self.behind = 0

    async def matching(self, key: TextKey, candidates: Mask) -> tuple[Mask, Step]:
        asked = question(key)
        exactly = self._scope.fold is not fold_text
        work = _Work()
        count = masks.size(candidates)
        self._scope.told(len(self._scope.uids) - count)
        found = candidates
        # What is the same to the letter is the same in the usual way, but where marks have been put in order.
        if asked is not None and (key.needle.isascii() or not exactly):
            found &= await self._matching(asked, candidates, work)
        if exactly and found:
            found &= await self._exactly(key, found, work)
        self._scope.told(max(0, count - work.read))
        step = Step(
            key,
            work.by if asked is not None else "memory",
            count,
            masks.size(found),
            work.sure,
            work.looked_into,
            work.read,
            time.monotonic() - work.since,
        )
        return found, step

    async def current(self) -> Snapshot | None:
        """The moment of the index that is looked at."""
        if not self._asked:
            self.snapshot = await self._store.indexed(self._scope.account)
            self._asked = True
        return self.snapshot

    async def _matching(self, asked: Question, candidates: Mask, work: _Work) -> Mask:
        for _ in range(TRIES):
            snapshot = await self.current()
            if snapshot is None:
                break
            try:
                if self._are_few(candidates, snapshot):
                    return await self._one_by_one(snapshot, asked, candidates, work)
                return await self._by_index(snapshot, asked, candidates, work)
            except Moved:
                self._asked = False
            except Damaged:
                self._store.index.condemn(self._scope.account)
                self.snapshot = None
        work.by = "messages"
        wanted = await self.mailbox.emails(candidates)
        found: set[int] = set()
        if asked.by_fields and len(wanted) * MANY > len(self._scope.uids):
            arrived = await self._by_fields(asked, 0)
            found = arrived.found & wanted
            wanted &= arrived.asked
        return await self.mailbox.places(found | await self._read(asked, wanted, work))

    async def _exactly(self, key: TextKey, candidates: Mask, work: _Work) -> Mask:
        """Those among the candidates that match by the comparator in use, as the messages themselves say."""
        asked = question(key, self._scope.fold)
        if asked is None:
            return candidates
        wanted = await self.mailbox.emails(candidates)
        return await self.mailbox.places(await self._read(asked, wanted, work))

    def _are_few(self, candidates: Mask, snapshot: Snapshot) -> bool:
        """Whether to look into each costs less than to ask the index."""
        return masks.size(candidates) * LOOK_INTO <= snapshot.starts[-1] * LOOK_UP + 4 * LOOK_INTO

    async def _one_by_one(self, snapshot: Snapshot, asked: Question, candidates: Mask, work: _Work) -> Mask:
        work.by = "texts"
        wanted: set[int] = set()
        columns = ("uid", "email")
        async for places, some in rows.read(self._store, self._scope, self._turns, columns, candidates):
            wanted.update(email for uid, email in some if uid in places)
        indexed = {email for email in wanted if email <= snapshot.email}
        found = marks.none(snapshot.starts[-1])
        missing = indexed
        if not asked.by_message:
            wanted_marks = marks.none(snapshot.starts[-1])
            ranks = {email: snapshot.rank_of(email) for email in indexed}
            marks.add(wanted_marks, [rank for rank in ranks.values() if rank >= 0])
            missing = {email for email, rank in ranks.items() if rank < 0}
            missing |= await self._look_into(snapshot, asked, wanted_marks, found, work)
        read = await self._read(asked, missing | (wanted - indexed), work)
        return await self.mailbox.places({*snapshot.emails_of(found), *read})

    async def _by_index(self, snapshot: Snapshot, asked: Question, candidates: Mask, work: _Work) -> Mask:
        work.by = "index"
        sure, maybe = bytearray(), bytearray()
        unknown: set[int] = set()
        for segment in snapshot.segments:
            answer = await self._turns.through(asked.look_up(segment))
            sure += answer.sure
            maybe += answer.maybe
            unknown.update(map(segment.emails.__getitem__, answer.unknown))
            await self._turns.take()
        work.sure = sure.count(1)
        if maybe.count(1) * LOOK_INTO > self.mailbox.scanning():
            maybe = marks.both(maybe, await self.mailbox.marks(snapshot, candidates))
        missing = await self._look_into(snapshot, asked, maybe, sure, work)
        places = await self.mailbox.marked(snapshot, sure)
        rest = unknown | missing
        if asked.by_fields:
            arrived = await self._by_fields(asked, snapshot.email)
            places |= await self.mailbox.places(arrived.found)
            rest |= arrived.asked
        else:
            rest |= await self.unindexed(snapshot)
        if rest:
            rest &= await self.mailbox.emails(candidates & await self.mailbox.places(rest))
            places |= await self.mailbox.places(await self._read(asked, rest, work))
        return places

    async def _by_fields(self, asked: Question, after: int) -> Arrived:
        arrived = await by_fields(self._store, self._scope, self._turns, asked, after)
        self.behind = arrived.count
        return arrived

    async def unindexed(self, snapshot: Snapshot) -> set[int]:
        """The emails of the mailbox that the index does not hold yet."""
        out: set[int] = set()
        after = snapshot.email
        while True:
            found = await self._store.read(self._scope.account, _above, self._scope.mailbox, after)
            out.update(found)
            await self._turns.take()
            if len(found) < TAIL:
                break
            after = found[-1]
        self.behind = len(out)
        return out

    async def _look_into(
        self, snapshot: Snapshot, asked: Question, wanted: Marks, found: Marks, work: _Work
    ) -> set[int]:
        """As `looking`."""
        work.looked_into += wanted.count(1)
        return await self._turns.through(looking(snapshot, asked, wanted, found))

    async def _read(self, asked: Question, wanted: Collection[int], work: _Work) -> set[int]:
        """Of these emails those whose message says so."""
        work.read += len(wanted)
        found: set[int] = set()
        others: list[int] = []
        on_thread = _on_thread if self._store.index.documents else None
        ordered = sorted(wanted)
        for start in range(0, len(ordered), READ):
            some = ordered[start : start + READ]
            for email, stored, _, size, *columns in await self._store.read(self._scope.account, _rows, some):
                if columns[0] != Place.INLINE or size > ON_LOOP:
                    others.append(email)
                    continue
                try:
                    if asked.of_octets(on_thread, blobs.octets(size, *columns), stored):
                        found.add(email)
                except _HasDocuments:
                    others.append(email)
                except Refused:  # damaged on disk
                    continue
                await self._turns.take()
            self._scope.told(len(some))
        self._scope.told(-len(others))
        found.update([email async for email, says in self.judged(asked.of_message, others) if says])
        return found

    async def judged(
        self, judge: Judge[T], wanted: Collection[int], on_loop: int = ON_LOOP
    ) -> AsyncIterator[tuple[int, T]]:
        """What `judge` says of each of these emails that can be read; of those with more octets than
        `on_loop` it says so on a thread."""
        on_thread = _on_thread if self._store.index.documents else None
        ordered = sorted(wanted)
        for start in range(0, len(ordered), READ):
            some = ordered[start : start + READ]
            opened = await self._store.read(self._scope.account, _open, some)
            self._scope.told(len(some))
            for email, stored, blob in opened:
                with suppress(Refused):  # damaged on disk
                    if blob.size > on_loop:
                        yield email, await self._judged(judge, blob, stored)
                    else:
                        try:
                            answer = judge(on_thread, blob, stored)
                        except _HasDocuments:
                            answer = await self._judged(judge, blob, stored)
                        yield email, answer
                await self._turns.take()

    async def _judged(self, judge: Judge[T], blob: Blob, stored: Stored) -> T:
        """On a thread."""
        stored = stored._replace(structure=b"")  # documents may say so much that the limit is reached
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, judge, self._store.index.documents, blob, stored)


def _above(tx: Tx, mailbox: int, email: int) -> list[int]:
    """The next emails of a mailbox above this id."""
    found = tx.rows(
        "SELECT a.email FROM arrival a CROSS JOIN message m WHERE a.account = ? AND a.email > ?"
        " AND a.mailbox = ? AND m.account = a.account AND m.mailbox = a.mailbox AND m.uid = a.uid"
        " ORDER BY a.email LIMIT ?",
        *(tx.account, email, mailbox, TAIL),
    )
    return [number for (number,) in found]


_OPEN = (
    "SELECT e.id, e.header_size, e.derived, e.structure, e.blob, b.size, "
    + ", ".join([f"b.{name}" for name in blobs.COLUMNS])
    + " FROM email e CROSS JOIN blob b WHERE {} AND b.account = e.account AND b.id = e.blob ORDER BY e.id"
)
_OPEN_ALL = _OPEN.format("+e.account = ? AND e.id BETWEEN ? AND ?")
_OPEN_ONE = _OPEN.format("e.account = ? AND e.id = ?")


def _rows(tx: Tx, some: Sequence[int]) -> list[tuple[Any, ...]]:
    """(email, what is stored with it, its blob and the columns of that) of those that are there; `some`
    ascend."""
    if some[-1] - some[0] <= DENSE * len(some):
        wanted = frozenset(some)
        rows = [row for row in tx.rows(_OPEN_ALL, tx.account, some[0], some[-1]) if row[0] in wanted]
    else:
        rows = [row for email in some for row in tx.rows(_OPEN_ONE, tx.account, email)]
    return [
        (email, Stored(header_size, structure if derived == DERIVED_VERSION else b""), *others)
        for email, header_size, derived, structure, *others in rows
    ]


def _open(tx: Tx, some: Sequence[int]) -> list[tuple[int, Stored, Blob]]:
    """The bytes of those that are there, and what is stored with them; `some` ascend."""
    out = []
    for email, stored, blob, *columns in _rows(tx, some):
        opened = blobs.of_row(tx, blob, *columns)
        if opened is not None:  # else erased just now
            out.append((email, stored, opened))
    return out
