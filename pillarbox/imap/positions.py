"""Where in a sorted list of results messages are taken out and put in (RFC 5267 4.3.3, 4.3.4).

A message that is added finds its place among the others by comparing it with a few of them at a time, so a
delivery to a sorted mailbox costs some short reads and not another sort. Many at once are sorted with all.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from pillarbox.imap.ordering import order, order_of_few
from pillarbox.imap.view import View
from pillarbox.imap.wire.esearch import Moves
from pillarbox.model import masks
from pillarbox.model.errors import Refused
from pillarbox.model.numbers import runs_of
from pillarbox.model.sorting import Criterion

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

FEW = 32  # messages that are added one by one
PROBES = 63  # of the list, that a message is compared with at once
SLICE = 16_384  # places looked at before others have their turn

Placed = list[tuple[int, int]]  # a position, counted from 1, and the UID that stands there


async def places_of(listed: array[int], wanted: set[int]) -> Placed:
    """Where these UIDs stand in the list, in which they all are."""
    if len(wanted) <= FEW:
        return sorted([(listed.index(uid) + 1, uid) for uid in wanted])
    out: Placed = []
    for start in range(0, len(listed), SLICE):
        some = listed[start : start + SLICE]
        out += [(at, uid) for at, uid in enumerate(some, start + 1) if uid in wanted]
        if start + SLICE < len(listed):
            await asyncio.sleep(0)
    return out


def without(listed: array[int], placed: Placed) -> array[int]:
    out = array("I")
    at = 0
    for position, _ in placed:
        out += listed[at : position - 1]
        at = position
    return out + listed[at:]


def removals(placed: Placed, named: Callable[[int], int]) -> Moves:
    """From behind, so that no removal moves what is removed after it. `named`: what the client knows a UID
    by."""
    return _moves(placed, named)[::-1]


def additions(placed: Placed, named: Callable[[int], int]) -> Moves:
    """From the front: each stands in its final place at once."""
    return _moves(placed, named)


def _moves(placed: Placed, named: Callable[[int], int]) -> Moves:
    together: list[tuple[int, list[int]]] = []
    for position, uid in placed:
        if together and together[-1][0] + len(together[-1][1]) == position:
            together[-1][1].append(named(uid))
        else:
            together.append((position, [named(uid)]))
    # RFC 5267 3.2: what ascends by one is a range, everything else stands as it is.
    return tuple([(position, runs_of(numbers)) for position, numbers in together])


async def inserted(
    session: Session, criteria: tuple[Criterion, ...], listed: array[int], added: array[int]
) -> tuple[array[int], Placed]:
    """The list with these UIDs in their places, and where that is."""
    if not added:
        return listed, []
    if len(added) > FEW:
        return await _sorted_anew(session, criteria, listed, added)
    listed = listed[:]
    for uid in added:
        listed.insert(await _place(session, criteria, listed, uid), uid)
    return listed, await places_of(listed, set(added))


async def _place(session: Session, criteria: tuple[Criterion, ...], listed: array[int], uid: int) -> int:
    """The index in the list before which the message belongs."""
    low, high = 0, len(listed)
    while low < high:
        step = max((high - low) // (PROBES + 1), 1)
        probes = range(low + step - 1, high, step)
        places = _places(session.selected, [*[listed[at] for at in probes], uid])
        mine = session.selected.shown.uids.place(uid)
        # So many probes come before it.
        before = (await order_of_few(session, session.selected, criteria, places)).index(mine)
        low, high = (
            probes[before - 1] + 1 if before else low,
            probes[before] if before < len(probes) else high,
        )
    return low


def _places(selected: View, uids: list[int]) -> array[int]:
    column = selected.shown.uids
    places = array("I", sorted([column.place(uid) for uid in uids]))
    if any(place >= len(column) for place in places) or len(set(places)) != len(uids):
        raise Refused("Some of the results have gone")
    return places


async def _sorted_anew(
    session: Session, criteria: tuple[Criterion, ...], listed: array[int], added: array[int]
) -> tuple[array[int], Placed]:
    selected = session.selected
    spans = selected.shown.uids.slices(runs_of(sorted([*listed, *added])))
    places = await order(session, selected, criteria, masks.of_spans(spans, selected.exists))
    column = selected.shown.uids[0 : selected.exists]
    fresh = array("I", [column[place] for place in places])
    placed = await places_of(fresh, set(added))
    if without(fresh, placed) != listed:
        raise Refused("The order is another one than before")
    return fresh, placed
