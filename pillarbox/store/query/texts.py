"""Keys that are decided by what messages say: From, Subject and other fields, body, all text.

Where there is an index it is asked (`index.lookup`), and what it cannot decide is looked into in the texts
it keeps. What it does not hold yet, and everything where there is none, is read from the messages.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pillarbox.message.searchable import Documents, fold_text, line, searchable_headers, searchable_parts
from pillarbox.model import masks, search
from pillarbox.model.errors import Refused
from pillarbox.model.masks import Mask
from pillarbox.store import blobs
from pillarbox.store.blobs import Blob
from pillarbox.store.index import lookup
from pillarbox.store.index.document import OWN, Field, has_line, plain, start_of
from pillarbox.store.index.lookup import Answer, Listed, Steps
from pillarbox.store.index.reader import Moved, Snapshot
from pillarbox.store.index.runs import encode
from pillarbox.store.index.texts import Damaged, matching
from pillarbox.store.query import emails, rows
from pillarbox.store.query.plan import Step, spell
from pillarbox.store.query.scope import Scope
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

READ = 8  # messages opened in one read
TAIL = 500  # rows of them
ON_LOOP = 256 * 1024  # octets; a larger message is looked into on a thread
TRIES = 4  # with an index whose segments are just being joined

# Microseconds: to look for a needle in the words of one message, and to look into one message.
LOOK_UP, LOOK_INTO = 0.06, 70.0


class _HasDocuments(Exception):
    """A message cannot be looked into on the loop."""


def _on_thread(content_type: str, name: str, data: bytes) -> str:
    raise _HasDocuments


TextKey = search.Header | search.Body | search.Text


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a message. `columns` of its kept texts are looked at, with `start` only the lines
    that begin so."""

    needle: str
    name: str | None  # of the only header field that counts
    header: bool
    body: bool

    @property
    def columns(self) -> str:
        return ", ".join(column for column, asked in (("header", self.header), ("body", self.body)) if asked)

    @property
    def by_message(self) -> bool:
        """Whether only the message itself can tell."""
        return self.name is not None and not plain(self.name)

    def look_up(self, segment: Listed) -> Steps[Answer]:
        if self.name is None:
            asked = (self.header, Field.HEADER), (self.body, Field.BODY)
            return lookup.in_fields(segment, [one for wanted, one in asked if wanted], self.needle)
        if self.needle and self.name in OWN:
            return lookup.in_fields(segment, [OWN[self.name]], self.needle)
        return lookup.in_named(segment, self.name, self.needle)

    def of_message(self, documents: Documents | None, blob: Blob, header_size: int) -> bool:
        """The truth."""
        needle = self.needle
        if self.header:
            fields = searchable_headers(blob.read(0, header_size))
            if self.name is not None:
                return any(name == self.name and needle in text for name, text in fields)
            if any(needle in line(name, text) for name, text in fields):
                return True
        if not self.body:
            return False
        return any(needle in text for text in searchable_parts(blob.read(0, blob.size), documents))


def question(key: TextKey) -> Question | None:
    """None where every message matches."""
    needle = fold_text(key.needle)
    match key:
        case search.Header(name=name):
            return Question(needle, name, True, False)
        case _ if not needle:
            return None
        case search.Body():
            return Question(needle, None, False, True)
        case search.Text():
            return Question(needle, None, True, True)


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
        self._asked = False
        self.snapshot: Snapshot | None = None
        self.behind = 0

    async def matching(self, key: TextKey, candidates: Mask) -> tuple[Mask, Step]:
        asked = question(key)
        work = _Work()
        count = masks.size(candidates)
        self._scope.told(len(self._scope.uids) - count)
        if asked is None:
            found = candidates
        else:
            found = await self._matching(asked, candidates, work)
        self._scope.told(max(0, count - work.read))
        step = Step(
            spell(key),
            work.by if asked is not None else "memory",
            count,
            masks.size(found),
            work.sure,
            work.looked_into,
            work.read,
            time.monotonic() - work.since,
        )
        return found, step

    async def _matching(self, asked: Question, candidates: Mask, work: _Work) -> Mask:
        for _ in range(TRIES):
            if not self._asked:
                named = await self._store.read(self._scope.account, _lineage)
                self.snapshot = self._store.index.snapshot(self._scope.account, named)
                self._asked = True
            if self.snapshot is None:
                break
            try:
                return await self._with(self.snapshot, asked, candidates, work)
            except Moved:
                self._asked = False
            except Damaged:
                self._store.index.condemn(self._scope.account)
                self.snapshot = None
        work.by = "messages"
        wanted = await self._emails(candidates)
        return await self._places(await self._read(asked, wanted, work), candidates)

    async def _with(self, snapshot: Snapshot, asked: Question, candidates: Mask, work: _Work) -> Mask:
        """With the index, as far as that goes."""
        count = masks.size(candidates)
        listed = sum(segment.messages for segment in snapshot.segments)
        if count * LOOK_INTO <= listed * LOOK_UP + 4 * LOOK_INTO:
            work.by = "texts"
            wanted = await self._few(candidates)
            indexed = {email for email in wanted if email <= snapshot.email}
            if asked.by_message:
                found, unknown = set[int](), indexed
            else:
                found, unknown = await self._look_into(snapshot, asked, indexed, work)
            found |= await self._read(asked, unknown | (wanted - indexed), work)
            return await self._places(found, candidates)
        work.by = "index"
        sure, maybe, unknown = set[int](), set[int](), set[int]()
        for segment in snapshot.segments:
            answer = await self._turns.through(asked.look_up(segment))
            of_number = segment.emails.__getitem__
            sure.update(map(of_number, answer.sure))
            maybe.update(map(of_number, answer.maybe))
            unknown.update(map(of_number, answer.unknown))
            await self._turns.take()
        work.sure = len(sure)
        maybe = await self._narrowed(maybe, candidates)
        found, more = await self._look_into(snapshot, asked, maybe, work)
        unknown = await self._narrowed(unknown | more, candidates)
        tail = await self._tail(snapshot, candidates)
        found |= sure
        found |= await self._read(asked, unknown | tail, work)
        return await self._places(found, candidates)

    async def _narrowed(self, some: set[int], candidates: Mask) -> set[int]:
        """Those that are among the candidates; all, where that is not worth the trouble."""
        if len(some) * LOOK_INTO < len(self._scope.uids) * emails.SCAN:
            return some
        found = await self._places(some, candidates)
        return await self._emails(found) & some

    async def _tail(self, snapshot: Snapshot, candidates: Mask) -> set[int]:
        """The emails of the mailbox that the index does not hold yet, as far as they are candidates."""
        out: set[int] = set()
        after = snapshot.email
        while True:
            found = await self._store.read(self._scope.account, _above, self._scope.mailbox, after)
            out.update(email for email in found)
            await self._turns.take()
            if len(found) < TAIL:
                break
            after = found[-1]
        self.behind = len(out)
        return await self._emails(await self._places(out, candidates)) & out if out else out

    async def _few(self, candidates: Mask) -> set[int]:
        """The emails of few candidates."""
        out: set[int] = set()
        columns = ("uid", "email")
        async for places, found in rows.read(self._store, self._scope, self._turns, columns, candidates):
            out.update(email for uid, email in found if uid in places)
        return out

    async def _emails(self, wanted: Mask) -> set[int]:
        return await emails.at(self._store, self._scope, self._turns, wanted)

    async def _places(self, found: Collection[int], candidates: Mask) -> Mask:
        return await emails.places(self._store, self._scope, self._turns, found, candidates)

    async def _look_into(
        self, snapshot: Snapshot, asked: Question, wanted: Collection[int], work: _Work
    ) -> tuple[set[int], set[int]]:
        """Of these emails those whose kept text says so, and those of which none is kept."""
        work.looked_into += len(wanted)
        return await self._turns.through(_looking(snapshot, asked, sorted(wanted)))

    async def _read(self, asked: Question, wanted: Collection[int], work: _Work) -> set[int]:
        """Of these emails those whose message says so."""
        found: set[int] = set()
        ordered = sorted(wanted)
        for start in range(0, len(ordered), READ):
            some = ordered[start : start + READ]
            opened = await self._store.read(self._scope.account, _open, some)
            work.read += len(some)
            self._scope.told(len(some))
            for email, header_size, blob in opened:
                if await self._of_message(asked, blob, header_size):
                    found.add(email)
                await self._turns.take()
        return found

    async def _of_message(self, asked: Question, blob: Blob, header_size: int) -> bool:
        documents = self._store.index.documents
        try:
            if blob.size <= ON_LOOP:
                with suppress(_HasDocuments):
                    return asked.of_message(documents and _on_thread, blob, header_size)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, asked.of_message, documents, blob, header_size)
        except Refused:
            return False  # damaged on disk


def _looking(snapshot: Snapshot, asked: Question, wanted: Sequence[int]) -> Steps[tuple[set[int], set[int]]]:
    """`Texts._look_into`, a group at a time."""
    found: set[int] = set()
    missing: set[int] = set()
    octets = encode(asked.needle)
    start = start_of(asked.name) if asked.name is not None else None
    at = 0
    while at < len(wanted):
        yield
        group = snapshot.reader.texts(wanted[at], asked.columns)
        if group is None:
            missing.add(wanted[at])
            at += 1
            continue
        stop = bisect_right(wanted, group.last, at)
        some = set(wanted[at:stop])
        at = stop
        ids = group.places.emails
        missing.update(some.difference(ids))
        if start is not None:
            found.update(_with_line(ids, group.places.header_ends, group.texts[0], start, octets, some))
            continue
        ends = [group.places.header_ends] if asked.header else []
        ends += [group.places.body_ends] if asked.body else []
        for text, text_ends in zip(group.texts, ends):
            found |= some.intersection([ids[number] for number in matching(text, text_ends, octets)])
    return found, missing - found


def _with_line(
    ids: Sequence[int], ends: Sequence[int], text: bytes, start: bytes, needle: bytes, some: set[int]
) -> list[int]:
    out = []
    for email in some:
        number = bisect_left(ids, email)
        if number < len(ids) and ids[number] == email:
            begin = ends[number - 1] if number else 0
            if has_line(text, start, needle, begin, ends[number]):
                out.append(email)
    return out


def _lineage(tx: Tx) -> str:
    return str(tx.rows("SELECT lineage FROM account WHERE account = ?", tx.account)[0][0])


def _above(tx: Tx, mailbox: int, email: int) -> list[int]:
    """The next emails of a mailbox above this id."""
    found = tx.rows(
        "SELECT email FROM message WHERE account = ? AND email > ? AND mailbox = ? ORDER BY email LIMIT ?",
        *(tx.account, email, mailbox, TAIL),
    )
    return [number for (number,) in found]


def _open(tx: Tx, some: Sequence[int]) -> list[tuple[int, int, Blob]]:
    """(id, octets of the header, bytes) of those that are there."""
    out = []
    for email in some:
        row = tx.row("SELECT header_size, blob FROM email WHERE account = ? AND id = ?", tx.account, email)
        if row is not None:
            try:
                out.append((email, row[0], blobs.open_blob(tx, row[1])))
            except Refused:
                continue  # erased just now
    return out
