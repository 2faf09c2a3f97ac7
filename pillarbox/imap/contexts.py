"""Results of earlier searches of the selected mailbox that are kept up to date (RFC 5267 4.3).

Theory of operation. A context remembers the UIDs that the client has in its list. Whenever the view moves on,
the messages that are new or have changed, and only those, are looked at, where they are few or neighbours as
little views of their own: what matches now and is not in the list is added, what is in the list and matches
no longer, or has been expunged, is taken out. Nothing piles up between two looks, so a client that never
reads costs nothing more.

Rules of the place:
* message numbers and `$` mean what they meant when the command came (RFC 5267 4.3), so they become UIDs;
* what depends on more than the message itself makes the whole mailbox be looked at again: `*` when the last
  UID is another one, ages (RFC 5032) from time to time, threads whenever anything changes;
* a context that cannot be kept is given up, and the client is told (RFC 5267 4.3.1).
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pillarbox.imap import positions, view
from pillarbox.imap.matching import Matcher
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import View
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.esearch import Moves, Updated
from pillarbox.imap.wire.response import NoUpdate, no
from pillarbox.message.collation import Comparator
from pillarbox.model import masks, search
from pillarbox.model.changes import Columns, Delta, Rows
from pillarbox.model.errors import Refused
from pillarbox.model.numbers import STAR, Runs, runs_of
from pillarbox.model.search import Key
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.model.threading import Algorithm

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

# What one session may keep. The first context is always taken (RFC 5267 4.3.1: there is at least one).
CONTEXTS = 32
KEYS = 2_000  # and ranges of UIDs in them, of all contexts together: every change is held against each
THREADS = 200  # keys that one about threads counts for: every change is held against the whole mailbox
RESULTS = 2_000_000  # UIDs of all contexts together, at four octets
SLICE = 2_000  # messages looked at before others have their turn
FEW = 4  # stretches of neighbours that are looked at each for itself
AGEING = 60.0  # seconds after which a search by age is looked at again, when something is told anyway

_TEXTS = (search.Header, search.Body, search.Text)

# The FETCH responses for new messages of a context (RFC 5465 7).
Describe = Callable[["Session", view.Spans], Awaitable[bytes]]


@dataclass(slots=True)
class Order:
    """How SORT has put results in order; `listed` are their UIDs in it."""

    criteria: tuple[Criterion, ...]
    listed: array[int]

    @property
    def moves(self) -> bool:
        """A message may take another place although it stays among the results."""
        return any(one.key is SortKey.MODSEQ for one in self.criteria)


@dataclass(slots=True)
class Context:
    """`source`: see `wire.esearch.Esearch`. `uids`, ascending, are what is in the client's list; its `order`
    is that of the mailbox where there is none."""

    tag: bytes
    uid: bool
    key: Key
    uids: array[int]
    source: tuple[str, int] | None
    comparator: Comparator  # by which text was compared
    describe: Describe | None
    last: int  # the greatest UID of the mailbox when it was looked at
    looked: float  # when the whole mailbox was looked at
    order: Order | None = None
    keys: int = field(init=False)
    texts: bool = field(init=False)  # it depends on the comparator
    flags: bool = field(init=False)  # a change of flags can make a difference
    star: bool = field(init=False)
    ages: bool = field(init=False)
    threads: bool = field(init=False)  # a change of one message can make a difference to others

    def __post_init__(self) -> None:
        leaves = list(search.leaves(self.key))
        # What the client has saved can be a set of many ranges, and is kept with the key.
        self.keys = len(leaves) + sum(len(one.ranges) for one in leaves if isinstance(one, search.Uid))
        about_threads = [one for one in search.nodes(self.key) if isinstance(one, search.Threading)]
        self.keys += THREADS * len(about_threads)
        self.threads = bool(about_threads)
        self.texts = (
            self.order is not None
            or any(isinstance(one, _TEXTS) for one in leaves)
            or any(one.algorithm is not Algorithm.REFS for one in about_threads)  # they go by subjects
        )
        moves = self.order is not None and self.order.moves
        self.flags = moves or any(isinstance(one, search.Flag | search.Modseq) for one in leaves)
        self.star = any(
            isinstance(one, search.Uid) and any(STAR in pair for pair in one.ranges) for one in leaves
        )
        self.ages = any(isinstance(one, search.Within) for one in leaves)

    def due(self, now: float) -> bool:
        return self.ages and now - self.looked >= AGEING


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of contexts, by where it stands: REMOVEFROM of what was expunged comes before the EXPUNGE
    (RFC 5267 4.3.4), all else after EXISTS and FETCH (RFC 5267 4.3.3, RFC 5465 5.1)."""

    before: tuple[Response, ...] = ()
    described: bytes = b""
    after: tuple[Response, ...] = ()


NOTHING = Told()


class Contexts:
    """Those of one session and its selected mailbox."""

    __slots__ = ("_kept", "age")

    def __init__(self) -> None:
        self._kept: dict[bytes, Context] = {}
        self.age = False  # some have, or had, results that change with time

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._kept

    def maybe_add(self, context: Context) -> bool:
        kept = self._kept
        if kept and (
            len(kept) >= CONTEXTS
            or context.keys + sum(one.keys for one in kept.values()) > KEYS
            or not self._room(len(context.uids))
        ):
            return False
        kept[context.tag] = context
        self.age = self.age or context.ages
        return True

    def cancel(self, tag: bytes) -> bool:
        return self._kept.pop(tag, None) is not None

    def due(self, now: float) -> bool:
        return any(context.due(now) for context in self._kept.values())

    async def news(self, session: Session, shown: View, delta: Delta) -> Told:
        """The session's view has become what it is now from what was `shown`, by way of `delta`."""
        now = session.store.clock()
        last = _last(session.selected)
        new = _new(shown, session.selected)
        touched = _touched(delta, new)
        told = []
        for context in list(self._kept.values()):
            try:
                if context.texts and context.comparator != session.comparator:
                    raise Refused("Text is compared in another way now")
                whole = context.threads or context.due(now) or (context.star and context.last != last)
                rows = _living(session.selected) if whole else touched if context.flags else new
                told.append(await _followed(session, context, shown, delta.gone, rows, now))
                if whole:
                    context.looked = now
                context.last = last
                if not self._room(0) and len(self._kept) > 1:
                    raise Refused("The results have become too many")
            except Exception as error:
                del self._kept[context.tag]
                if not isinstance(error, Refused):
                    session.services.report(error)
                lost = no(None, "The results are no longer kept up to date", NoUpdate(context.tag))
                told.append(Told(after=(lost,)))
        return Told(
            tuple([one for each in told for one in each.before]),
            b"".join([each.described for each in told]),
            tuple([one for each in told for one in each.after]),
        )

    def _room(self, more: int) -> bool:
        return more + sum(len(one.uids) for one in self._kept.values()) <= RESULTS


def fixed(key: Key, shown: View) -> Key:
    """RFC 5267 4.3: message numbers, and so `$`, are evaluated when the command is received."""

    def fix(leaf: Key) -> Key:
        match leaf:
            case search.Sequence():
                places = view.by_number_if_there(shown, leaf.ranges)
                return search.Uid(view.uid_runs(shown, [span for span in places if span[0] < span[1]]))
            case search.Saved():
                return search.Uid(shown.saved)
        return leaf

    return search.replaced(key, fix)


async def _followed(
    session: Session, context: Context, shown: View, expunged: Runs, rows: Rows, now: float
) -> Told:
    gone, left = _split(context.uids, expunged)
    added, removed = array("I"), array("I")
    async for uids, matched in _matched(session, context, rows, now):
        listed = {uid for uid in uids if _has(left, uid)}
        if context.order is not None and context.order.moves:
            added.extend(matched)  # also where it was before: it may belong elsewhere now
            removed.extend(sorted(listed))
        else:
            added.extend([uid for uid in matched if uid not in listed])
            removed.extend(sorted(listed.difference(matched)))
    if removed:
        _, left = _split(left, runs_of(removed))
    context.uids = _merged(left, added)
    described = b""
    if context.describe is not None and (new := added[bisect_right(added, _last(shown)) :]):
        described = await context.describe(session, session.selected.shown.uids.slices(runs_of(new)))
    if context.order is not None:
        before, after = await _reordered(session, context, context.order, shown, (gone, removed, added))
        return Told(before, described, after)
    before = _updated(context, shown, removed=gone)
    after = _updated(context, session.selected, removed=removed, added=added)
    return Told(before, described, after)


async def _reordered(
    session: Session,
    context: Context,
    order: Order,
    shown: View,
    changes: tuple[array[int], array[int], array[int]],
) -> tuple[tuple[Response, ...], tuple[Response, ...]]:
    """`_updated` for results that SORT has put in order, before and after the expunges."""
    expunged, removed, added = changes
    listed = order.listed
    before = await positions.places_of(listed, set(expunged)) if expunged else []
    listed = positions.without(listed, before)
    then = await positions.places_of(listed, set(removed)) if removed else []
    listed = positions.without(listed, then)
    order.listed, put = await positions.inserted(session, order.criteria, listed, added)
    tag, uid, source = context.tag, context.uid, context.source
    old, new = _naming(context, shown), _naming(context, session.selected)
    first = Updated(tag, uid, positions.removals(before, old), (), source)
    last = Updated(tag, uid, positions.removals(then, new), positions.additions(put, new), source)
    return (first,) if before else (), (last,) if then or put else ()


def _naming(context: Context, shown: View) -> Callable[[int], int]:
    """What the client knows a UID by."""
    if context.uid:
        return lambda uid: uid
    uids = shown.shown.uids
    return lambda uid: uids.place(uid) + 1


async def _matched(
    session: Session, context: Context, rows: Rows, now: float
) -> AsyncIterator[tuple[Sequence[int], list[int]]]:
    """UIDs of some messages, and which of them match; both ascend."""
    selected = session.selected
    key = search.settled(_starless(context.key, _last(selected)) if context.star else context.key, now)
    progress = Progress(session, context.tag)
    # Threads are worked out for all of a mailbox, or not at all.
    size = max(len(rows.uids), 1) if context.threads else SLICE
    for start in range(0, len(rows.uids), size):
        part = rows.part(start, start + size)
        spans = selected.shown.uids.slices(runs_of(part.uids))
        if len(spans) > FEW or context.threads:
            matcher = Matcher(session, selected, session.flag_sets.meanings, progress)
            found = await matcher.among(key, masks.of_spans(spans, selected.exists) & matcher.living)
            yield part.uids, masks.selected(selected.shown.uids, found)
        else:
            for first, last in spans:
                # A view of this stretch alone: in a large mailbox a look at it costs no more than elsewhere.
                some = selected.shown.rows(first, last)
                columns = Columns.joined(selected.shown.mailbox, selected.modseq, [some])
                little = view.opened(columns, recent_from=selected.recent_from)
                matcher = Matcher(session, little, session.flag_sets.meanings, progress)
                found = await matcher.among(key, matcher.living)
                yield some.uids, masks.selected(some.uids, found)
        if start + size < len(rows.uids):
            await asyncio.sleep(0)


def _starless(key: Key, last: int) -> Key:
    """`*` is the last message of the mailbox, not of those that are looked at."""

    def name(leaf: Key) -> Key:
        if not isinstance(leaf, search.Uid):
            return leaf
        return search.Uid(tuple([(low or last, high or last) for low, high in leaf.ranges]))

    return search.replaced(key, name)


def _new(shown: View, selected: View) -> Rows:
    """The messages that are new to the client."""
    columns = selected.shown
    return columns.rows(columns.uids.place(_last(shown) + 1), len(columns.uids))


def _touched(delta: Delta, new: Rows) -> Rows:
    """Those, and the messages that have changed."""
    return Rows(
        delta.changed_uids + new.uids,
        delta.changed_flag_sets + new.flag_sets,
        delta.changed_modseqs + new.modseqs,
    )


def _living(selected: View) -> Rows:
    columns = selected.shown
    everything = [(0, len(columns.uids))]
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    for start, stop in view.without(everything, view.ghosts(selected, everything)):
        uids += columns.uids[start:stop]
        flag_sets += columns.flag_sets[start:stop]
        modseqs += columns.modseqs[start:stop]
    return Rows(uids, flag_sets, modseqs)


def _last(shown: View) -> int:
    return shown.shown.uids[-1] if shown.shown.uids else 0


def _updated(
    context: Context, shown: View, *, removed: Sequence[int], added: Sequence[int] = ()
) -> tuple[Response, ...]:
    """`shown` is where the message numbers are as the client has them when it hears this."""
    if not removed and not added:
        return ()

    def moves(uids: Iterable[int]) -> Moves:
        runs = runs_of(uids)
        named = runs if context.uid else view.numbers(shown, runs)
        return ((0, named),) if named else ()

    return (Updated(context.tag, context.uid, moves(removed), moves(added), context.source),)


def _split(uids: array[int], runs: Runs) -> tuple[array[int], array[int]]:
    """Ascending UIDs: those in the runs, and the others."""
    inside, outside = array("I"), array("I")
    at = 0
    for low, high in runs:
        start = bisect_left(uids, low, at)
        stop = bisect_right(uids, high, start)
        outside += uids[at:start]
        inside += uids[start:stop]
        at = stop
    return inside, outside + uids[at:]


def _merged(uids: array[int], more: array[int]) -> array[int]:
    if not uids or not more or more[0] > uids[-1]:
        return uids + more
    return array("I", sorted([*uids, *more]))


def _has(uids: array[int], uid: int) -> bool:
    at = bisect_left(uids, uid)
    return at < len(uids) and uids[at] == uid
