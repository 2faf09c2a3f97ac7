"""FETCH and UID FETCH.

Flags, UIDs and mod-sequences come from the view's columns alone; metadata is read in rows, message octets in
small batches, each read a transaction of its own that is over before anything is sent. The answer is an
iterator that the driver pulls as the client reads, so it costs the same memory for one message and for all.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any

from pillarbox.imap import header_lists, objectid, resync, telling, view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.contents import contents
from pillarbox.imap.outcome import Done, Outcome, Torn
from pillarbox.imap.view import Spans, View
from pillarbox.imap.wire import fetch as wire
from pillarbox.imap.wire import fetch_plan
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.expunge import Vanished
from pillarbox.imap.wire.fetch_plan import Plan, Stream
from pillarbox.imap.wire.reader import Numbers
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.model.flags import SEEN
from pillarbox.model.numbers import MAX_NUMBER, Runs, runs
from pillarbox.model.search import Saved
from pillarbox.store import blobs, emails, flags
from pillarbox.store.blobs import TooLong
from pillarbox.store.incarnation import lineage

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.actors import Actor
    from pillarbox.model.column import Column
    from pillarbox.store.tx import Tx

FROM_VIEW = 2000  # messages rendered at once: a millisecond
ROWS = 400  # rows read at once
BODIES = 32  # messages opened at once
WHOLES = 512 << 10  # octets of messages that are rendered at once: a quarter of a millisecond

Body = tuple[Plan, bytes, tuple[Any, ...]]  # the head of a line, and the row that its octets are found with


async def fetch(session: Session, tag: bytes, command: wire.Fetch) -> Outcome:
    if command.vanished and not session.kind.qresync:
        raise PeerSyntax("VANISHED needs ENABLE QRESYNC")  # RFC 7162 3.2.6
    chosen = spans(session.selected, command.numbers, uid=command.uid)
    if command.partial is not None:
        chosen = view.part(chosen, *command.partial.places(view.count(chosen)))
    if command.items.ask_for("OBJECTID"):
        objectid.activate(session)
    since = command.changed_since
    data: tuple[Response, ...] = ()
    if since is not None or command.items.ask_for("MODSEQ"):
        data = await telling.aware(session)
    if since is not None:
        where = await resync.touched(session, since)
        if command.vanished:
            gone = await resync.vanished(session, _known(session.selected, command.numbers), since, where)
            data += (Vanished(gone, earlier=True),)
        # RFC 9394 3.4: of the page, not a page of the changed.
        chosen = await resync.changed(session.selected, chosen, since, where)
    done = "UID FETCH completed" if command.uid else "FETCH completed"
    if not chosen:
        return Done(done, data=data)
    answer = Answer(session, command.items, chosen, uid=command.uid, modseq=since is not None)
    if not data and (lines := await answer.whole()) is not None:
        return Done(done, told=lines)
    return Done(done, data=data, stream=answer.pieces())


def _known(shown: View, named: Numbers) -> Runs:
    """UIDs as a client that remembers messages means them: `*` is any that ever was, not only the greatest
    that is still there."""
    return shown.saved if isinstance(named, Saved) else runs(named, MAX_NUMBER)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are rendered together: all `\\Recent` or none."""

    places: Spans
    recent: bool

    def column(self, values: Column) -> array[int]:
        (start, stop), *more = self.places
        out = values[start:stop]
        for start, stop in more:
            out += values[start:stop]
        return out

    def numbers(self) -> Sequence[int]:
        if len(self.places) == 1:
            return range(self.places[0][0] + 1, self.places[0][1] + 1)
        return [place + 1 for place in view.indices(self.places)]


class Answer:
    """One FETCH being answered. Numbers cannot move meanwhile: FETCH announces no expunge, and the UID forms
    announce them after the last line."""

    def __init__(
        self, session: Session, items: wire.FetchItems, chosen: Spans, *, uid: bool, modseq: bool
    ) -> None:
        self._session = session
        self._chosen = chosen
        self._planned = partial(fetch_plan.plan, items, session.kind, uid=uid, modseq=modseq)
        self._plan = self._planned(lists=view.count(chosen) > 1)
        self._missing = False  # some message has been erased

    async def whole(self) -> bytes | None:
        """The answer as one piece where it is short and nothing has to be told first: to have it pulled costs
        as much again as to make it. None: it has to be pulled."""
        plan = self._plan
        most = 1 if plan.bodies else BODIES if plan.whole else ROWS
        if self._sees or view.count(self._chosen) > most:
            return None
        lines = b""
        for batch in _batches(self._session.selected, self._chosen, ROWS):
            if not plan.bodies:
                rendered = await self._rendered(batch)
                if rendered is None:
                    return None
                lines += rendered
            else:
                for body in await self._opened(plan, batch):
                    line = await _line(*body)
                    if not isinstance(line, bytes):
                        return None
                    lines += line
        return None if self._missing else lines

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        plan = self._plan
        size = BODIES if plan.bodies or plan.whole else FROM_VIEW if plan.from_view else ROWS
        for batch in _batches(self._session.selected, self._chosen, size):
            lines = None if plan.bodies else await self._rendered(batch)
            if lines is not None:
                yield lines
                continue
            for few in _batches(self._session.selected, batch.places, BODIES):
                async for piece in self._bodies(self._planned(), few):
                    yield piece
        if self._missing:
            # RFC 9051 7.1 (EXPUNGEISSUED), RFC 2180 4.1.3: those that are still there have been sent.
            raise Refused("Some of the messages have been erased", Code.EXPUNGEISSUED)

    async def _rendered(self, batch: Batch) -> bytes | None:
        """The lines of a plan without `bodies`. None: look into one message after the other, because they are
        too long to be held together, or one is erased or damaged and others are not."""
        plan = self._plan
        if plan.from_view:
            return self._from_view(batch)
        if plan.lists:
            return await self._listed(batch)
        return await (self._wholes(batch) if plan.whole else self._metadata(batch))

    async def _bodies(self, plan: Plan, batch: Batch) -> AsyncIterator[bytes]:
        changed = False
        if self._sees:
            told, changed = await self._see(batch)
            if told:
                yield told
        # RFC 9051 6.4.5: flags that this FETCH itself has changed are part of its response.
        for body in await self._opened(self._planned(flags=True) if changed else plan, batch):
            line = await _line(*body)
            if isinstance(line, bytes):
                yield line
            else:
                for piece in line:
                    yield piece

    @property
    def _sees(self) -> bool:
        return self._plan.sets_seen and not self._session.selected.read_only

    def _from_view(self, batch: Batch) -> bytes:
        columns = [batch.column(_of_view(self._session.selected, name)) for name in self._plan.columns]
        spelled = self._session.flag_sets.spelled(batch.recent)
        return fetch_plan.render(self._plan, batch.numbers(), columns, spelled)

    async def _metadata(self, batch: Batch) -> bytes:
        session = self._session
        rows = await session.store.read(
            session.account,
            emails.rows_of,
            session.actor,
            session.selected.shown.mailbox,
            view.uid_runs(session.selected, batch.places),
            self._plan.columns,
            with_buried=bool(session.selected.gone),
        )
        numbers, columns = self._aligned(self._plan, batch, rows)
        return fetch_plan.render(self._plan, numbers, columns, session.flag_sets.spelled(batch.recent))

    async def _listed(self, batch: Batch) -> bytes | None:
        """Lines that end with header fields."""
        session, plan = self._session, self._plan
        named, rows = await session.store.read(
            session.account,
            _with_lineage,
            session.actor,
            session.selected.shown.mailbox,
            view.uid_runs(session.selected, batch.places),
            plan.columns,
            bool(session.selected.gone),
        )
        numbers, columns = self._aligned(plan, batch, rows)
        if not columns:
            return b""
        emails = columns[plan.columns.index("email")]
        try:
            said = [await header_lists.literals(session, named, wanted, emails) for wanted in plan.lists]
        except (TooLong, Refused):
            return None
        if any(None in column for column in said):
            return None
        columns += said
        return fetch_plan.render(plan, numbers, columns, session.flag_sets.spelled(batch.recent))

    async def _wholes(self, batch: Batch) -> bytes | None:
        """Lines that end with whole messages."""
        session, plan = self._session, self._plan
        rows = await session.store.read(
            session.account,
            _whole,
            session.actor,
            session.selected.shown.mailbox,
            view.uid_runs(session.selected, batch.places),
            plan.columns,
            bool(session.selected.gone),
        )
        if rows is None:
            return None
        numbers, columns = self._aligned(plan, batch, rows)
        return fetch_plan.render(plan, numbers, columns, session.flag_sets.spelled(batch.recent))

    def _aligned(
        self, plan: Plan, batch: Batch, rows: list[tuple[Any, ...]]
    ) -> tuple[Sequence[int], list[Sequence[Any]]]:
        """Message numbers and columns of the rows. What the view knows is taken from the view: the client
        hears of flags in the order in which they changed, and one and the same thing from all commands."""
        shown = self._session.selected
        numbers = batch.numbers()
        complete = len(rows) == len(numbers)
        if not complete:
            rows, numbers = self._picked(rows, batch.column(shown.shown.uids), numbers)
            complete = len(numbers) == count_of(batch)
        columns: list[Sequence[Any]] = list(zip(*rows))
        for at in plan.of_view if rows else ():
            values = _of_view(shown, plan.columns[at])
            columns[at] = batch.column(values) if complete else [values[number - 1] for number in numbers]
        return numbers, columns

    def _picked(
        self, rows: list[tuple[Any, ...]], uids: Sequence[int], numbers: Sequence[int]
    ) -> tuple[list[tuple[Any, ...]], list[int]]:
        """The rows of the messages asked for (there may be expunged ones between them that nobody shows
        any more), and their numbers."""
        number_of = dict(zip(uids, numbers))
        picked = [row for row in rows if row[0] in number_of]
        self._missing |= len(picked) < len(number_of)
        return picked, [number_of[row[0]] for row in picked]

    async def _opened(self, plan: Plan, batch: Batch) -> Iterator[Body]:
        """What each line of the batch is made of."""
        session = self._session
        rows = await session.store.read(
            session.account,
            _open,
            session.actor,
            session.selected.shown.mailbox,
            view.uid_runs(session.selected, batch.places),
            plan.columns,
            bool(session.selected.gone),
        )
        numbers, columns = self._aligned(plan, batch, rows)
        heads = fetch_plan.heads(plan, numbers, columns, session.flag_sets.spelled(batch.recent))
        return zip(repeat(plan), heads, zip(*columns))

    async def _see(self, batch: Batch) -> tuple[bytes, bool]:
        """Set \\Seen where it is not set; what must be told first, and whether any flags have changed."""
        session = self._session
        shown = session.selected
        unseen = session.flag_sets.without(SEEN)
        flag_sets = shown.shown.flag_sets
        places = [place for place in view.indices(batch.places) if flag_sets[place] in unseen]
        living = view.without(view.spans_of(places), view.ghosts(shown, view.spans_of(places)))
        if not living:
            return b"", False
        try:
            stored = await session.store.write(
                session.account,
                flags.store_flags,
                session.actor,
                shown.shown.mailbox,
                view.uid_runs(shown, living),
                "add",
                (SEEN,),
                durable=False,
            )
        except Refused as refused:
            if refused.code is not Code.NOPERM:
                raise
            return b"", False  # RFC 4314 4: without the "s" right reading leaves no trace
        told = await telling.news(session, expunge=False, own=stored)
        return told, bool(stored.uids)


def count_of(batch: Batch) -> int:
    return view.count(batch.places)


def _of_view(shown: View, name: str) -> Column:
    if name == "uid":
        return shown.shown.uids
    return shown.shown.flag_sets if name == "flag_set" else shown.shown.modseqs


def _batches(shown: View, chosen: Spans, size: int) -> Iterator[Batch]:
    """The chosen messages in portions of at most `size`; none has both `\\Recent` and other ones."""
    if not chosen:
        return
    border = shown.first_recent
    (first, _), (_, last) = chosen[0], chosen[-1]
    if last - first <= size and not first < border < last:
        yield Batch(chosen, first >= border)
        return
    batch: Spans = []
    room = size
    for low, high in chosen:
        cuts = (low, border, high) if low < border < high else (low, high)
        for start, stop in pairwise(cuts):
            if batch and (batch[0][0] < border) is not (start < border):
                yield Batch(batch, batch[0][0] >= border)
                batch, room = [], size
            while start < stop:
                end = min(stop, start + room)
                batch.append((start, end))
                room -= end - start
                start = end
                if not room:
                    yield Batch(batch, batch[0][0] >= border)
                    batch, room = [], size
    if batch:
        yield Batch(batch, batch[0][0] >= border)


def _with_lineage(
    tx: Tx, actor: Actor, mailbox: int, runs: Runs, columns: tuple[str, ...], with_buried: bool
) -> tuple[str, list[tuple[Any, ...]]]:
    return lineage(tx), emails.rows_of(tx, actor, mailbox, runs, columns, with_buried=with_buried)


def _open(
    tx: Tx, actor: Actor, mailbox: int, runs: Runs, columns: tuple[str, ...], with_buried: bool
) -> list[tuple[Any, ...]]:
    """The rows, and at the end of each its blob; without those of which the octets have been erased."""
    blob, size, end = columns.index("blob"), columns.index("size"), len(columns)
    opened: list[tuple[Any, ...]] = []
    wanted = (*columns, *blobs.COLUMNS)
    for row in emails.rows_of(tx, actor, mailbox, runs, wanted, with_buried=with_buried):
        found = blobs.of_row(tx, row[blob], row[size], *row[end:])
        if found is not None:
            opened.append((*row[:end], found))
    return opened


def _whole(
    tx: Tx, actor: Actor, mailbox: int, runs: Runs, columns: tuple[str, ...], with_buried: bool
) -> list[tuple[Any, ...]] | None:
    """The rows, and at the end of each the message as a literal. None where one is missing, or too long."""
    size, end = columns.index("size"), len(columns)
    rows = emails.rows_of(tx, actor, mailbox, runs, (*columns, *blobs.COLUMNS), with_buried=with_buried)
    if sum([row[size] for row in rows]) > WHOLES:
        return None
    try:
        return [(*row[:end], fetch_plan.literal(blobs.octets(row[size], *row[end:]))) for row in rows]
    except Refused:
        return None


async def _line(plan: Plan, head: bytes, row: tuple[Any, ...]) -> bytes | Iterator[bytes]:
    """A message's whole line; in pieces where that is too long to be held."""
    parts = await contents(plan.bodies, dict(zip(plan.columns, row)), row[-1])
    for part in parts:
        if isinstance(part, Stream):
            return untorn(fetch_plan.pieces(plan, head, parts))
    return fetch_plan.message(plan, head, parts)  # type: ignore[arg-type]


def untorn(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A failure between the first and the last octet of a literal cannot be answered any more."""
    try:
        yield from pieces
    except Exception as error:
        raise Torn from error
