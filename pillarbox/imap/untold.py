"""What happened to very many messages, told a little at a time.

Where thousands of messages have changed their flags at once, or are gone, the view takes that in as one, and
only which messages they were is kept here: four octets each. Their lines are made while the client reads
them, some hundred at a time, those of flags from the view as it is then. So a client that does not read costs
little, and others have their turn in between.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap import telling, view
from pillarbox.imap.updates import MANY, Flagged
from pillarbox.imap.view import Spans, View
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.expunge import Expunged, Vanished
from pillarbox.imap.wire.strings import Kind
from pillarbox.model.column import Column
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


@dataclass(frozen=True, slots=True)
class Gone:
    """Messages that have lost their numbers, those that all had `before`; and what is said afterwards."""

    uids: array[int]
    before: Column
    after: bytes


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


def tell_gone(session: Session, uids: array[int], before: Column, after: bytes) -> None:
    """Said first: flags are told with the numbers of afterwards."""
    session.untold.appendleft(Gone(uids, before, after))


async def pieces(session: Session) -> AsyncGenerator[bytes, None]:
    """All that is untold. Who takes the pieces answers a command or pushes: nobody else moves the view."""
    turns = Turns()
    while session.untold and session.view is not None:
        some = session.untold.popleft()
        if isinstance(some, Gone):
            for piece in _gone(some, session.kind):
                yield piece
                await turns.take()
            continue
        for at in range(0, len(some.uids), PIECE):
            shown = session.view
            chosen = shown.shown.uids.slices(present.runs_of(some.uids[at : at + PIECE]))
            if chosen:
                yield telling.flag_lines(session, flagged(shown, chosen), uid=some.uid, silent=some.silent)
            await turns.take()


def _gone(some: Gone, kind: Kind) -> Iterator[bytes]:
    for at in range(0, len(some.uids), PIECE):
        runs = present.runs_of(some.uids[at : at + PIECE])
        if kind.vanished:  # RFC 7162 3.2.10.2, RFC 9586 3.6
            yield encode(Vanished(runs), kind)
            continue
        # Those before have taken `at` numbers away, each run takes as many as it is long.
        falling, taken = [], at
        for start, stop in some.before.slices(runs):
            falling.append((start + 1 - taken, stop - start))
            taken += stop - start
        yield encode(Expunged(tuple(falling)), kind)
    if some.after:
        yield some.after


def flagged(shown: View, chosen: Spans) -> Flagged:
    numbers, columns = array("I"), shown.shown
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    for start, stop in chosen:
        numbers.extend(range(start + 1, stop + 1))
        uids += columns.uids[start:stop]
        flag_sets += columns.flag_sets[start:stop]
        modseqs += columns.modseqs[start:stop]
    return Flagged(numbers, uids, flag_sets, modseqs)
