"""Flags of very many messages, told a little at a time.

Where thousands of messages have changed their flags at once, the view takes that in as one, and only which
messages they were is kept here: four octets each. Their lines are made while the client reads them, some
hundred at a time, from the view as it is then. So a client that does not read costs little, and others have
their turn in between.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap import telling, view
from pillarbox.imap.updates import MANY, Flagged
from pillarbox.imap.view import Spans, View
from pillarbox.store import present
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

PIECE = 512  # messages whose lines are made in one piece


@dataclass(frozen=True, slots=True)
class Untold:
    """`uid` and `silent` as `telling.flag_lines` has them."""

    uids: array[int]
    uid: bool
    silent: bool


def tell(session: Session, chosen: Spans, *, uid: bool = False, silent: bool = False) -> bytes:
    """The flags of these messages of the view: at once, or later where they are many."""
    shown = session.selected
    if view.count(chosen) < MANY and not session.untold:
        return telling.flag_lines(session, flagged(shown, chosen), uid=uid, silent=silent)
    uids = array("I")
    for start, stop in chosen:
        uids += shown.shown.uids[start:stop]
    session.untold.append(Untold(uids, uid, silent))
    return b""


def tell_flagged(session: Session, some: Flagged, *, uid: bool = False) -> bytes:
    if len(some.uids) < MANY and not session.untold:
        return telling.flag_lines(session, some, uid=uid)
    session.untold.append(Untold(some.uids, uid, silent=False))
    return b""


async def pieces(session: Session) -> AsyncGenerator[bytes, None]:
    """All that is untold. Who takes the pieces answers a command or pushes: nobody else moves the view."""
    turns = Turns()
    while session.untold and session.view is not None:
        some = session.untold.popleft()
        for at in range(0, len(some.uids), PIECE):
            shown = session.view
            chosen = shown.shown.uids.slices(present.runs_of(some.uids[at : at + PIECE]))
            if chosen:
                yield telling.flag_lines(session, flagged(shown, chosen), uid=some.uid, silent=some.silent)
            await turns.take()


def flagged(shown: View, chosen: Spans) -> Flagged:
    numbers, columns = array("I"), shown.shown
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    for start, stop in chosen:
        numbers.extend(range(start + 1, stop + 1))
        uids += columns.uids[start:stop]
        flag_sets += columns.flag_sets[start:stop]
        modseqs += columns.modseqs[start:stop]
    return Flagged(numbers, uids, flag_sets, modseqs)
