"""The client's picture of its selected mailbox, as pure data.

Rules of the place:
* A message number is a position in `shown.uids`, plus 1. `shown` holds exactly the messages the client
  has been told of, so it changes only together with what `updates` announces.
* As long as no expunge is withheld, `shown` is the very object the store shares between all sessions;
  otherwise it is a private merge of the store's columns and the ghosts: messages that are expunged in the
  store and still have a number here, because an EXPUNGE response was not allowed yet (RFC 9051 7.5.1).
  Pieces without ghosts are shared even then.
* Nothing here reads a store or writes bytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from pillarbox.model import masks
from pillarbox.model.changes import Columns, Delta, Rows
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import MAX_NUMBER, Ranges, Runs, runs, runs_of
from pillarbox.store.turns import at_once

Spans = masks.Spans  # into `shown`

STEP = 128  # spans put back in one step
NEVER_RECENT = MAX_NUMBER + 1


@dataclass(frozen=True, slots=True)
class View:
    """`modseq` is how far the store's changes have been taken in, `synced` how far they have been announced:
    they differ while an expunge is withheld (RFC 7162 3.2 allows to speak of `synced` only)."""

    shown: Columns
    modseq: int
    synced: int
    recent_from: int = NEVER_RECENT  # RFC 3501 2.3.2: UIDs from here on are \Recent in this session
    gone: Runs = ()  # the ghosts
    behind: bool = False  # there are new messages that the client does not want to hear of
    saved: Runs = ()  # `$` as UIDs (RFC 9051 6.4.4.1), so renumbering never touches it
    read_only: bool = False

    @property
    def exists(self) -> int:
        return len(self.shown.uids)

    @property
    def recent(self) -> int:
        return len(self.shown.uids) - self.first_recent

    @property
    def first_recent(self) -> int:
        """The index from which messages are `\\Recent`; UIDs ascend, so they stand together at the end."""
        if self.recent_from == NEVER_RECENT:
            return len(self.shown.uids)
        return self.shown.uids.place(self.recent_from)


def opened(columns: Columns, *, recent_from: int = NEVER_RECENT, read_only: bool = False) -> View:
    return View(columns, columns.modseq, columns.modseq, recent_from, read_only=read_only)


def by_number(view: View, ranges: Ranges) -> Spans:
    """Where the messages with these numbers stand.

    RFC 9051 9 (seq-number): a number beyond the mailbox is answered BAD, and so is `*` in an empty one.
    """
    exists = view.exists
    if len(ranges) == 1 and 0 < ranges[0][0] <= ranges[0][1] <= exists:
        return [(ranges[0][0] - 1, ranges[0][1])]
    wanted = runs(ranges, exists)
    if wanted and (wanted[0][0] < 1 or wanted[-1][1] > exists):
        raise PeerSyntax(f"There are {exists} messages, the command names a number beyond them")
    return [(low - 1, high) for low, high in wanted]


def by_number_if_there(view: View, ranges: Ranges) -> Spans:
    """As `by_number`, for SEARCH: RFC 9051 6.4.4 has an example that searches 1:5000 in a smaller mailbox."""
    exists = view.exists
    wanted = runs(ranges, exists)
    return [(max(low, 1) - 1, min(high, exists)) for low, high in wanted if high > 0 and low <= exists]


def by_uid(view: View, ranges: Ranges) -> Spans:
    """Where the messages with these UIDs stand. RFC 9051 6.4.9: a UID that is not there is passed over,
    and `*` is the greatest UID there is, so `1000:*` always names the last message."""
    uids = view.shown.uids
    return uids.slices(runs(ranges, uids[-1])) if uids else []


def by_saved(view: View) -> Spans:
    return view.shown.uids.slices(view.saved)


def uid_runs(view: View, spans: Spans) -> Runs:
    """UIDs of the messages in `spans`, one run for each span: it covers no message outside the span."""
    uids = view.shown.uids
    if len(spans) == 1:
        [(start, stop)] = spans
        low = uids[start]
        return ((low, low if stop == start + 1 else uids[stop - 1]),)
    return tuple((uids[start], uids[stop - 1]) for start, stop in spans)


def uid_of_highest(view: View, spans: Spans, count: int) -> int:
    """The UID of the `count`-th message of `spans`, from above; there are at least so many."""
    for start, stop in reversed(spans):
        if stop - start >= count:
            return view.shown.uids[stop - count]
        count -= stop - start
    raise IndexError(count)


def numbers(view: View, uids: Runs) -> Runs:
    """The numbers of the messages with these UIDs."""
    return tuple((start + 1, stop) for start, stop in view.shown.uids.slices(uids))


def count(spans: Spans) -> int:
    if len(spans) == 1:
        return spans[0][1] - spans[0][0]
    return sum(stop - start for start, stop in spans)


def indices(spans: Spans) -> Iterator[int]:
    for start, stop in spans:
        yield from range(start, stop)


def spans_of(indexes: Sequence[int]) -> Spans:
    """Ascending indexes as spans."""
    if indexes and indexes[-1] - indexes[0] == len(indexes) - 1:
        return [(indexes[0], indexes[-1] + 1)]
    out: Spans = []
    for index in indexes:
        if out and out[-1][1] == index:
            out[-1] = (out[-1][0], index + 1)
        else:
            out.append((index, index + 1))
    return out


def ghosts(view: View, spans: Spans) -> Spans:
    """The part of `spans` that is expunged in the store."""
    if not view.gone:
        return []
    out: Spans = []
    dead = view.shown.uids.slices(view.gone)
    for start, stop in spans:
        at = bisect_right(dead, (start, 0)) - 1 if dead else 0
        for low, high in dead[max(at, 0) :]:
            if low >= stop:
                break
            if high > start:
                out.append((max(low, start), min(high, stop)))
    return out


def without(spans: Spans, less: Spans) -> Spans:
    """`spans` minus `less`, which lies inside them."""
    out: Spans = []
    holes = iter(less)
    hole = next(holes, None)
    for start, stop in spans:
        while hole is not None and hole[0] < stop:
            if start < hole[0]:
                out.append((start, hole[0]))
            start = hole[1]
            hole = next(holes, None)
        if start < stop:
            out.append((start, stop))
    return out


def part(spans: Spans, start: int, stop: int) -> Spans:
    """The messages from the `start`-th of `spans` up to before the `stop`-th."""
    out: Spans = []
    passed = 0
    for low, high in spans:
        first, last = max(low, low + start - passed), min(high, low + stop - passed)
        if first < last:
            out.append((first, last))
        passed += high - low
    return out


def common(some: Spans, others: Spans) -> Spans:
    """The places in both."""
    out: Spans = []
    at = 0
    for start, stop in some:
        while at < len(others) and others[at][1] <= start:
            at += 1
        while at < len(others) and others[at][0] < stop:
            low, high = others[at]
            out.append((max(low, start), min(high, stop)))
            if high > stop:
                break
            at += 1
    return out


def saving(view: View, found: Runs) -> View:
    return replace(view, saved=found)


def merging(shown: Columns, columns: Columns, withheld: Spans) -> Generator[None, None, Columns]:
    """`columns` with the messages of `shown` in `withheld`, put back in their places, a little at a time."""
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    for at, (start, stop) in enumerate(withheld, 1):
        uids += shown.uids[start:stop]
        flag_sets += shown.flag_sets[start:stop]
        modseqs += shown.modseqs[start:stop]
        if at % STEP == 0:
            yield
    back = Rows(uids, flag_sets, modseqs)
    pieces = columns.uids.pieces
    if not pieces:
        return Columns.joined(columns.mailbox, columns.modseq, [back])
    edits: dict[int, Rows] = {}
    taken = 0
    while taken < len(uids):
        at = max(columns.uids.piece_of(uids[taken]), 0)
        end = bisect_left(uids, pieces[at + 1][0]) if at + 1 < len(pieces) else len(uids)
        edits[at] = _woven(columns.piece(at), back.part(taken, end))
        taken = end
        if taken < len(uids):
            yield
    return columns.edited(columns.modseq, edits)


def _woven(some: Rows, others: Rows) -> Rows:
    """The messages of both."""
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    at = taken = 0
    while taken < len(others.uids):
        before = bisect_left(some.uids, others.uids[taken], at)
        stop = len(others.uids)
        if before < len(some.uids):
            stop = bisect_left(others.uids, some.uids[before], taken)
        uids += some.uids[at:before] + others.uids[taken:stop]
        flag_sets += some.flag_sets[at:before] + others.flag_sets[taken:stop]
        modseqs += some.modseqs[at:before] + others.modseqs[taken:stop]
        at, taken = before, stop
    return Rows(uids + some.uids[at:], flag_sets + some.flag_sets[at:], modseqs + some.modseqs[at:])


def difference(view: View, columns: Columns) -> Delta:
    """The way from `view` to `columns`, found by comparing them: for when the store no longer knows it."""
    return at_once(differences(view, columns))


def differences(view: View, columns: Columns) -> Generator[None, None, Delta]:
    """`difference`, a piece of the mailbox at a time. Pieces that both share are not looked at.

    RFC 9051 2.3.1.1: UIDs only ascend, so what is beyond the last one shown is new and nothing else is.
    """
    old = view.shown
    known = columns.uids.place(old.uids[-1] + 1) if old.uids else 0
    shared = {id(piece) for piece in columns.uids.pieces}
    gone: list[tuple[int, int]] = []
    for uids in old.uids.pieces:
        if id(uids) not in shared:
            present = columns.uids[columns.uids.place(uids[0]) : columns.uids.place(uids[-1] + 1)]
            if present != uids:
                found = runs_of(sorted(set(uids).difference(present)))
                if gone and found and gone[-1][1] + 1 == found[0][0]:
                    gone[-1] = (gone[-1][0], found[0][1])
                    found = found[1:]
                gone += found
            yield
    shared = {id(piece) for piece in old.modseqs.pieces}
    changed_uids, changed_flag_sets, changed_modseqs = array("I"), array("H"), array("Q")
    for at, start in enumerate(columns.uids.starts[:-1]):
        if start >= known:
            break
        if id(columns.modseqs.pieces[at]) in shared:
            continue
        rows = columns.piece(at).part(0, known - start)
        if max(rows.modseqs) > view.modseq:
            if min(rows.modseqs) <= view.modseq:
                moved = [at for at, modseq in enumerate(rows.modseqs) if modseq > view.modseq]
                rows = Rows(
                    array("I", [rows.uids[at] for at in moved]),
                    array("H", [rows.flag_sets[at] for at in moved]),
                    array("Q", [rows.modseqs[at] for at in moved]),
                )
            changed_uids += rows.uids
            changed_flag_sets += rows.flag_sets
            changed_modseqs += rows.modseqs
        yield
    return Delta(
        modseq=columns.modseq,
        new_uids=columns.uids[known:],
        new_flag_sets=columns.flag_sets[known:],
        new_modseqs=columns.modseqs[known:],
        changed_uids=changed_uids,
        changed_flag_sets=changed_flag_sets,
        changed_modseqs=changed_modseqs,
        gone=tuple(gone),
    )
