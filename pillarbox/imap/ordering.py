"""The messages of a view in the order that SORT asks for (RFC 5256 3).

    places = await order(session, shown, criteria, found)

Rules of the place:
* what is compared was stored when the message came; nothing is parsed here;
* the order of a whole mailbox is kept (`orders`), shared by all sessions, and brought up to date when
  messages come or go; what was found is then only picked from it. It costs four octets a message;
* rows are read, ranked and sorted in slices, so that others have their turn.

Text becomes ranks, so that a message's place in the order is one integer: for each criterion a digit, and its
place in the mailbox as the last one, which decides between equal ones (RFC 5256 3).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, TypeVar

from pillarbox.imap import reading
from pillarbox.imap.orders import Kept, carried_over, sharing
from pillarbox.imap.view import View
from pillarbox.message import collation
from pillarbox.message.collation import Comparator
from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.store import order_files
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

T = TypeVar("T", int, str)
Columns = dict[str, list[Any]]  # values by the column's name, aligned with the messages they are of

TEXTS = 512  # texts prepared or parted at once
PIECE = 4096  # items handled at once
NUMBERS = 2 * PIECE  # numbers sorted at once: a millisecond
FEW = 8  # where less than an eighth of a mailbox was found, only that is sorted
UNSAVED = 16  # messages that have come and gone before an order is worth writing again
PROBES = 63  # messages that a new one is compared with at once

_TEXT = {
    SortKey.CC: "cc_mailbox",
    SortKey.DISPLAYFROM: "from_display",
    SortKey.DISPLAYTO: "to_display",
    SortKey.FROM: "from_mailbox",
    SortKey.SUBJECT: "base_subject",
    SortKey.TO: "to_mailbox",
}
COLUMNS = {
    SortKey.ARRIVAL: ("internal_at",),
    SortKey.DATE: ("sent_at", "internal_at"),
    SortKey.SIZE: ("size",),
    **{key: (column,) for key, column in _TEXT.items()},
}
_SHOWN = frozenset((SortKey.MODSEQ, SortKey.UID))  # known to the view
_CHANGING = frozenset((SortKey.MODSEQ, SortKey.RELEVANCY))  # an order by these is not kept


async def order(
    session: Session,
    shown: View,
    criteria: Sequence[Criterion],
    found: Mask,
    scores: Mapping[int, int] | None = None,
    columns: Columns | None = None,
) -> Sequence[int]:
    """The places (message numbers less 1) of the messages found, sorted. `scores`: how relevant they are, by
    their places, where that is a criterion. `columns`: those compared, of the messages found, where they
    have been read already."""
    turns = Turns()
    wanted = masks.size(found)
    comparator = session.comparator
    criteria = _decisive(criteria, comparator)
    if not wanted:
        return ()
    if not criteria:
        return await places_of(found, shown.exists, turns)
    uids = shown.shown.uids
    key = (session.account, shown.shown.mailbox, criteria, comparator.name)
    kept: array[int] | None = session.services.orders.get(key, uids)
    if kept is None:
        if wanted < shown.exists // FEW or any(one.key in _CHANGING for one in criteria):
            some = await places_of(found, shown.exists, turns)
            return await _sorted(session, shown, criteria, some, turns, scores, columns)
        kept = await _whole(session, shown, criteria, key, turns, columns if wanted == shown.exists else None)
    if wanted == shown.exists:
        return kept
    chosen = array("I")
    marks = found.to_bytes(shown.exists, "little")
    for start in range(0, len(kept), PIECE):
        some = kept[start : start + PIECE]
        chosen.extend(compress(some, map(marks.__getitem__, some)))
        await turns.take()
    return chosen


async def order_of_few(
    session: Session, shown: View, criteria: Sequence[Criterion], places: array[int]
) -> array[int]:
    """Some tens of places, which ascend, sorted; nothing is kept."""
    criteria = _decisive(criteria, session.comparator)
    return await _sorted(session, shown, criteria, places, Turns()) if criteria else places


async def _whole(
    session: Session,
    shown: View,
    criteria: tuple[Criterion, ...],
    key: Hashable,
    turns: Turns,
    columns: Columns | None,
) -> array[int]:
    """The order of all messages: one that is kept or has been written, brought up to date, or a new one."""
    orders, uids = session.services.orders, shown.shown.uids
    what = " ".join(["-" * one.reverse + one.key.value for one in criteria])
    what = f"SORT {session.comparator.name} {what}"
    kept, made = orders.outdated(key), ""
    renewed = await _renewed(session, shown, criteria, kept, turns) if kept is not None else None
    if renewed is None and shown.exists >= order_files.LEAST:
        made = await session.store.read(session.account, order_files.made)
        kept = await _recalled(session, shown, what, made)
        renewed = await _renewed(session, shown, criteria, kept, turns) if kept is not None else None
    if renewed is not None and kept is not None:
        ordered, moved = renewed
        made, unsaved = kept.made, kept.unsaved + moved
    else:
        everything = await places_of(masks.full(shown.exists), shown.exists, turns)
        ordered = await _sorted(session, shown, criteria, everything, turns, columns=columns)
        unsaved = UNSAVED
    if made and unsaved >= UNSAVED:
        numbers = uids[0 : len(uids)], array("i"), ordered
        session.store.order_files.save(session.account, shown.shown.mailbox, what, made, numbers)
        unsaved = 0
    orders.keep(key, uids, ordered, len(ordered), made=made, unsaved=unsaved)
    return ordered


async def _recalled(session: Session, shown: View, what: str, made: str) -> Kept | None:
    """An order that this process or another one has written."""
    mailbox = shown.shown.mailbox
    found = await session.store.order_files.find(session.account, mailbox, what, made)
    if found is None or len(found[0]) != len(found[2]):
        return None
    return Kept(sharing(found[0], shown.shown.uids), None, len(found[2]), found[2], made)


async def _renewed(
    session: Session, shown: View, criteria: tuple[Criterion, ...], kept: Kept, turns: Turns
) -> tuple[array[int], int] | None:
    """The order that was kept, without those that have gone and with those that have come since; how many
    these are."""
    ordered = await carried_over(kept.uids, kept.what, shown.shown.uids, turns)
    if ordered is None:
        return None
    moved = len(kept.what) + shown.exists - 2 * len(ordered)
    for place in range(len(ordered), shown.exists):
        low, high = 0, len(ordered)
        while low < high:  # between these it belongs: look at some of them, evenly spread
            at = range(low, high, (high - low) // (PROBES + 1) + 1)
            few = array("I", sorted([*[ordered[one] for one in at], place]))
            before = (await _sorted(session, shown, criteria, few, turns)).index(place)
            low, high = at[before - 1] + 1 if before else low, at[before] if before < len(at) else high
        ordered.insert(low, place)
    return ordered, moved


def _decisive(criteria: Sequence[Criterion], comparator: Comparator) -> tuple[Criterion, ...]:
    """Without those that can decide nothing any more, and with the comparator's direction."""
    out: dict[SortKey, Criterion] = {}
    for one in criteria:
        turned = one.key in _TEXT and comparator.descending
        out.setdefault(one.key, Criterion(one.key, one.reverse is not turned))
        if one.key is SortKey.UID:
            if not one.reverse and len(out) == 1:
                return ()  # the order of the mailbox
            break
    return tuple(out.values())


async def places_of(found: Mask, count: int, turns: Turns) -> array[int]:
    """The places of a mask over so many messages."""
    out = array("I")
    for start, stop in masks.spans(found, count):
        while start < stop:
            end = min(stop, start + PIECE)
            out.extend(range(start, end))
            start = end
            await turns.take()
    return out


async def _sorted(
    session: Session,
    shown: View,
    criteria: tuple[Criterion, ...],
    places: array[int],
    turns: Turns,
    scores: Mapping[int, int] | None = None,
    columns: Columns | None = None,
) -> array[int]:
    stored = [one for one in criteria if one.key in COLUMNS]
    names = tuple(dict.fromkeys(name for one in stored for name in COLUMNS[one.key]))
    if columns is None:
        columns = dict(zip(names, await reading.read(session, shown, places, names, turns))) if names else {}
    keys: list[int] = []
    for one in criteria:
        digits, base = await _digits(session, shown, one, places, columns, turns, scores)
        if not keys:
            keys = digits
            continue
        for start in range(0, len(keys), PIECE):
            stop = start + PIECE
            keys[start:stop] = [
                key * base + digit for key, digit in zip(keys[start:stop], digits[start:stop])
            ]
            await turns.take()
    base = len(places)
    for start in range(0, base, PIECE):
        stop = start + PIECE
        keys[start:stop] = [key * base + index for index, key in enumerate(keys[start:stop], start)]
        await turns.take()
    keys = await _ascending(keys, turns)
    out = array("I")
    for start in range(0, base, PIECE):
        out.extend([places[key % base] for key in keys[start : start + PIECE]])
        await turns.take()
    return out


async def _digits(
    session: Session,
    shown: View,
    criterion: Criterion,
    places: array[int],
    columns: Columns,
    turns: Turns,
    scores: Mapping[int, int] | None,
) -> tuple[list[int], int]:
    """One number for each message, greater for those that come later; and one more than the greatest."""
    key = criterion.key
    digits: list[int] = []
    if key in _TEXT:
        digits = await _ranks(columns[_TEXT[key]], session.comparator, turns)
    elif key is SortKey.DATE:
        sent, arrived = columns["sent_at"], columns["internal_at"]
        for start in range(0, len(sent), PIECE):
            stop = start + PIECE
            # RFC 5256 2.2: without a Date that can be read, INTERNALDATE is the sent date.
            digits += [
                other if one is None else one for one, other in zip(sent[start:stop], arrived[start:stop])
            ]
            await turns.take()
    elif key is SortKey.RELEVANCY:
        digits = [-scores.get(place, 0) if scores is not None else 0 for place in places]
    elif key in _SHOWN:
        column = shown.shown.uids if key is SortKey.UID else shown.shown.modseqs
        flat = column[0 : len(column)]
        for start in range(0, len(places), PIECE):
            digits += [flat[place] for place in places[start : start + PIECE]]
            await turns.take()
    else:
        digits = columns[COLUMNS[key][0]]
    least = most = digits[0]
    for start in range(0, len(digits), PIECE):
        some = digits[start : start + PIECE]
        least, most = min(least, *some), max(most, *some)
        await turns.take()
    for start in range(0, len(digits), PIECE):
        some = digits[start : start + PIECE]
        digits[start : start + PIECE] = (
            [most - digit for digit in some] if criterion.reverse else [digit - least for digit in some]
        )
        await turns.take()
    return digits, most - least + 1


async def _ranks(texts: list[bytes | None], comparator: Comparator, turns: Turns) -> list[int]:
    """Equal texts, to the comparator, have the same rank."""
    keys = await prepared(texts, comparator, turns)
    rank = dict.fromkeys(keys.values(), 0)
    await turns.take()
    ascending = await _ascending(list(rank), turns)
    for start in range(0, len(ascending), PIECE):
        for number, key in enumerate(ascending[start : start + PIECE], start):
            rank[key] = number
        await turns.take()
    out: list[int] = []
    for start in range(0, len(texts), PIECE):
        out += [rank[keys[text]] for text in texts[start : start + PIECE]]
        await turns.take()
    return out


async def prepared(
    texts: list[bytes | None], comparator: Comparator, turns: Turns
) -> dict[bytes | None, str]:
    """What is compared of each text; None is one that has not been derived yet."""
    keys: dict[bytes | None, str] = {None: ""}
    for start in range(0, len(texts), TEXTS):
        some = [text for text in set(texts[start : start + TEXTS]) if text is not None and text not in keys]
        for text, key in collation.keys(some, comparator.prepare).items():
            keys[text] = key
        await turns.take()
    return keys


async def _ascending(items: list[T], turns: Turns) -> list[T]:
    """`sorted(items)` in slices: parted by a sample of them first."""
    if len(items) <= PIECE or (len(items) <= NUMBERS and isinstance(items[0], int)):
        return sorted(items)
    sample = sorted(items[:: len(items) // PIECE + 1])
    pivots = sample[:: PIECE * len(sample) // (2 * len(items)) + 1]
    parts: list[list[T]] = [[] for _ in range(len(pivots) + 1)]
    for start in range(0, len(items), TEXTS):
        for item in items[start : start + TEXTS]:
            parts[bisect_right(pivots, item)].append(item)
        await turns.take()
    out: list[T] = []
    for part in parts:
        part.sort()
        out += part
        await turns.take()
    return out
