"""THREAD and UID THREAD. The threads are made in `forests`, what matches is decided in `matching`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillarbox.imap.commands.search import look
from pillarbox.imap.commands.sort import freed_of_charset, in_turn
from pillarbox.imap.forests import threaded
from pillarbox.imap.ordering import PIECE, places_of
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import View
from pillarbox.imap.wire import thread as wire
from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def thread(session: Session, tag: bytes, command: wire.Thread) -> Outcome:
    search = freed_of_charset(session, command.search)
    found = await look(session, tag, search)
    shown = session.selected
    forest = await threaded(session, shown, command.algorithm, found)
    numbers = await _numbers(shown, found, uid=search.uid)
    # RFC 7162 3.1.9: mod-sequences are asked for here too, and not told.
    pieces = wire.encode_threads(forest.nodes, forest.children, numbers)
    return Done(f"{'UID ' if search.uid else ''}THREAD completed", stream=in_turn(pieces))


async def _numbers(shown: View, found: Mask, *, uid: bool) -> Sequence[int]:
    """What the client knows the messages found by."""
    known_by: Sequence[int] = shown.shown.uids[0 : shown.exists] if uid else range(1, shown.exists + 1)
    if masks.size(found) == shown.exists:
        return known_by
    turns = Turns()
    out = array("I")
    places = await places_of(found, shown.exists, turns)
    for start in range(0, len(places), PIECE):
        out.extend([known_by[place] for place in places[start : start + PIECE]])
        await turns.take()
    return out
