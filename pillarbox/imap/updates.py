"""What the client must be told: a view and the store's changes become a new view and its announcements.

The one place that moves message numbers. Whether expunges may be announced now is not decided here and not
by any handler: the caller passes what `table` says of the command being answered (RFC 9051 7.5.1). New
messages and new flags may be announced at any time (RFC 9051 7.4.1, 7.5.2).
"""

from __future__ import annotations

from array import array
from collections.abc import Generator
from dataclasses import dataclass, replace

from pillarbox.imap.view import Spans, View, difference, merging
from pillarbox.model.changes import Columns, Delta
from pillarbox.model.column import Column
from pillarbox.model.numbers import Runs, runs, runs_of
from pillarbox.store.turns import at_once

STEP = 256  # runs looked up in one step: half a millisecond where each is one message
MANY = 4096  # messages whose lines are not made in one piece: a millisecond or two


@dataclass(frozen=True, slots=True)
class Flagged:
    """Messages with their present flags, as aligned columns; without the numbers where they are `MANY`."""

    numbers: array[int]
    uids: array[int]
    flag_sets: array[int]
    modseqs: array[int]


@dataclass(frozen=True, slots=True)
class News:
    """The announcements, in the order they are sent: EXPUNGE, EXISTS, RECENT, FETCH.

    `expunged` holds (message number, times): expunging a run of messages repeats one number, because every
    EXPUNGE renumbers what follows (RFC 9051 7.5.1); `gone` has their UIDs. Where they are `MANY` there are
    only these. The numbers in `flagged` are as of after the expunges.
    """

    expunged: tuple[tuple[int, int], ...] = ()
    gone: array[int] | None = None
    exists: int | None = None
    recent: int | None = None
    flagged: Flagged | None = None


NOTHING = News()


def advance(view: View, columns: Columns, delta: Delta, *, expunge: bool, own: int = 0) -> tuple[View, News]:
    """The view brought up to `columns`, which is the mailbox as of `delta.modseq`.

    `own` is the mod-sequence of the session's own STORE, whose outcome the command answers itself.
    """
    return at_once(advancing(view, columns, delta, expunge=expunge, own=own))


def advancing(
    view: View, columns: Columns, delta: Delta, *, expunge: bool, own: int = 0
) -> Generator[None, None, tuple[View, News]]:
    """`advance`, a little at a time where much is gone."""
    if not delta.complete:
        delta = difference(view, columns)
    old = view.shown
    withheld = yield from _places(old.uids, _union(view.gone, delta.gone))
    expunged: tuple[tuple[int, int], ...] = ()
    gone: array[int] | None = None
    if expunge and withheld:
        gone = array("I")
        for at in range(0, len(withheld), STEP):
            for start, stop in withheld[at : at + STEP]:
                gone += old.uids[start:stop]
            if at:
                yield
        if len(gone) < MANY:
            expunged = _falling_numbers(withheld)
        withheld = []
    left = len(old.uids) - len(gone or ())
    shown = (yield from merging(old, columns, withheld)) if withheld else columns
    ghosts: list[tuple[int, int]] = []
    for at in range(0, len(withheld), STEP):
        ghosts += [(old.uids[start], old.uids[stop - 1]) for start, stop in withheld[at : at + STEP]]
        if at:
            yield
    after = View(  # as `replace` would, which costs as much as all the rest
        shown,
        columns.modseq,
        view.synced if withheld else columns.modseq,
        view.recent_from,
        tuple(ghosts),
        behind=False,
        saved=view.saved,
        read_only=view.read_only,
    )
    exists = len(shown.uids)
    flagged = _flagged(shown, delta, own)
    if shown.uids is old.uids and flagged is None:
        return after, NOTHING
    recent = after.recent
    news = News(
        expunged,
        gone,
        exists if exists != left else None,
        recent if recent != view.recent else None,
        flagged,
    )
    return after, NOTHING if news == NOTHING else news


def advance_without_new(
    view: View, columns: Columns, delta: Delta, *, expunge: bool, own: int = 0
) -> tuple[View, News]:
    """`advance` for a client that does not want to hear of new messages (RFC 5465 3.1): they get no number.
    To let it catch up later, `advance` must be given an incomplete `delta`."""
    return at_once(advancing_without_new(view, columns, delta, expunge=expunge, own=own))


def advancing_without_new(
    view: View, columns: Columns, delta: Delta, *, expunge: bool, own: int = 0
) -> Generator[None, None, tuple[View, News]]:
    last = view.shown.uids[-1] if view.shown.uids else 0
    border = columns.uids.place(last + 1)
    behind = border < len(columns.uids)
    if behind:
        columns = Columns.joined(columns.mailbox, columns.modseq, [columns.rows(0, border)])
        none = nothing_since(delta.modseq)
        delta = replace(
            delta,
            new_uids=none.new_uids,
            new_flag_sets=none.new_flag_sets,
            new_modseqs=none.new_modseqs,
        )
    after, news = yield from advancing(view, columns, delta, expunge=expunge, own=own)
    return replace(after, behind=behind, synced=view.synced if behind else after.synced), news


def nothing_since(modseq: int) -> Delta:
    """Up to `modseq` nothing happened but what the session did itself."""
    empty, flag_sets, modseqs = array("I"), array("H"), array("Q")
    return Delta(modseq, empty, flag_sets, modseqs, empty, flag_sets, modseqs, gone=())


def _union(known: Runs, more: Runs) -> Runs:
    if not known or not more:
        return known or more
    return runs(known + more, 0)


def _places(uids: Column, wanted: Runs) -> Generator[None, None, Spans]:
    """`Column.slices`, a little at a time."""
    if len(wanted) <= STEP:
        return uids.slices(wanted)
    out: Spans = []
    for at in range(0, len(wanted), STEP):
        for start, stop in uids.slices(wanted[at : at + STEP]):
            if out and out[-1][1] == start:
                out[-1] = (out[-1][0], stop)
            else:
                out.append((start, stop))
        yield
    return out


def _falling_numbers(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    out, removed = [], 0
    for start, stop in spans:
        out.append((start + 1 - removed, stop - start))
        removed += stop - start
    return tuple(out)


def _flagged(shown: Columns, delta: Delta, own: int) -> Flagged | None:
    """The columns of flag news, without what the session did itself."""
    uids, flag_sets, modseqs = delta.changed_uids, delta.changed_flag_sets, delta.changed_modseqs
    if not uids:
        return None
    if own and (mine := modseqs.count(own)):
        if mine == len(modseqs):
            return None
        rest = [index for index, modseq in enumerate(modseqs) if modseq != own]
        uids = array("I", [uids[index] for index in rest])
        flag_sets = array("H", [flag_sets[index] for index in rest])
        modseqs = array("Q", [modseqs[index] for index in rest])
    numbers = array("I")
    if len(uids) >= MANY:
        return Flagged(numbers, uids, flag_sets, modseqs)
    for low, high in runs_of(uids):
        first = shown.uids.place(low) + 1
        numbers.extend(range(first, first + high - low + 1))
    return Flagged(numbers, uids, flag_sets, modseqs)
