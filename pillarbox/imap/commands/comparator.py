"""COMPARATOR: how text is compared by SEARCH, SORT and THREAD on this connection (RFC 5255 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import comparator as wire
from pillarbox.message.collation import COMPARATORS
from pillarbox.model.errors import Code, Refused

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def comparator(session: Session, tag: bytes, command: wire.Compare) -> Outcome:
    if not command.wanted:
        active = session.comparator.selected
        return Done("COMPARATOR completed", data=(wire.Comparing(active),))
    # RFC 5255 4.7: of the arguments that match something the first wins.
    chosen = next((found[0] for found in command.wanted if found), None)
    if chosen is None:
        raise Refused("There is no such comparator", Code.BADCOMPARATOR)
    session.comparator = chosen
    names = {one.name for found in command.wanted for one in found}
    # RFC 5255 4.8: what had matched is listed where that is more than one.
    matched = tuple(one.name for one in COMPARATORS if one.name in names) if len(names) > 1 else ()
    return Done(f"Will use {chosen.selected}", data=(wire.Comparing(chosen.selected, matched),))
