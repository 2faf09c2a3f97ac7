"""SORT and UID SORT. What matches is decided in `matching`, in what order in `ordering`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap.commands.search import look, modseq_of
from pillarbox.imap.ordering import order
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import View
from pillarbox.imap.wire import sort as wire
from pillarbox.imap.wire.search import Search
from pillarbox.model.errors import PeerSyntax

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def sort(session: Session, tag: bytes, command: wire.Sort) -> Outcome:
    search = freed_of_charset(session, command.search)
    found = await look(session, tag, search)
    shown = session.selected
    places = await order(session, shown, command.criteria, found)
    data, modseq = await modseq_of(session, search, shown, found)
    pieces = wire.encode_sorted(numbers(shown, places, uid=search.uid), modseq)
    completed = f"{'UID ' if search.uid else ''}SORT completed"
    return Done(completed, data=data, stream=in_turn(pieces))


def freed_of_charset(session: Session, search: Search) -> Search:
    """RFC 9755 3: the charset is mandatory here, so clients that have enabled UTF8=ACCEPT must name UTF-8."""
    if search.charset != "UTF-8" and "UTF8=ACCEPT" in session.enabled and not session.kind.rev2:
        raise PeerSyntax("Where UTF8=ACCEPT is enabled the charset is UTF-8")
    return replace(search, charset="")


def numbers(shown: View, places: Sequence[int], *, uid: bool) -> Iterator[int]:
    """What the client knows the messages at these places by."""
    if uid:
        return map(shown.shown.uids[0 : shown.exists].__getitem__, places)
    return (place + 1 for place in places)


async def in_turn(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The driver lets others have their turn between two of them."""
    for piece in pieces:
        yield piece
