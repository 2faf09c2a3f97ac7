"""RETURN (UPDATE): a searching command asks to hear of changes to its results (RFC 5267 4.3)."""

from __future__ import annotations

from array import array
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pillarbox.imap import contexts, view
from pillarbox.imap.commands.fetch import Answer
from pillarbox.imap.contexts import Context, Order
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.esearch import Returning, ReturnOption
from pillarbox.imap.wire.fetch import FetchItems
from pillarbox.imap.wire.response import NoUpdate, no
from pillarbox.imap.wire.search import Search
from pillarbox.model import masks
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.model.masks import Mask

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.view import Spans

DESCRIBED = 256 * 1024  # octets of FETCH responses at one time


def require_free(session: Session, tag: bytes, returning: Returning | None) -> None:
    if returning is not None and ReturnOption.UPDATE in returning and tag in session.contexts:
        raise PeerSyntax("Tag reuse: updates go by this tag already")  # RFC 5267 4.3


def updating(
    session: Session,
    tag: bytes,
    command: Search,
    found: Mask,
    *,
    source: tuple[str, int] | None = None,
    order: Order | None = None,
) -> tuple[Response, ...]:
    """From here on what is `found` in the selected mailbox is kept up to date, if RETURN says so; what is to
    be said if it cannot be."""
    returning = command.returning
    if returning is None or ReturnOption.UPDATE not in returning:
        return ()
    shown = session.selected
    uids = array("I", masks.selected(shown.shown.uids, found))
    context = Context(
        tag,
        command.uid,
        contexts.fixed(command.key, shown),
        uids,
        source,
        session.comparator,
        None if returning.items is None else partial(_described, _unseen(returning.items)),
        last=shown.shown.uids[-1] if shown.shown.uids else 0,
        looked=session.store.clock(),
        order=order,
    )
    return () if session.contexts.maybe_add(context) else (refusal(tag),)


def refusal(tag: bytes) -> Response:
    return no(None, "There will be no updates", NoUpdate(tag))


def _unseen(items: FetchItems) -> FetchItems:
    """RFC 5465 7 has an example without PEEK; but what nobody has asked for just now has not been read."""
    return FetchItems(tuple([replace(item, seen=False) for item in items.items]))


async def _described(items: FetchItems, session: Session, places: Spans) -> bytes:
    """FETCH responses for new results, each whole (RFC 5465 7)."""
    # Deviates: RFC 5465 7 sets no limit to what UPDATE may have fetched. Here it ends at 256 KiB for messages
    # that come at once: the client can fetch the others when it wants them.
    out = b""
    for place in view.indices(places):
        lines = b""
        answer = Answer(session, items, [(place, place + 1)], uid=session.kind.condstore, modseq=False)
        try:
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    lines += piece
                    if len(out) + len(lines) > DESCRIBED:
                        return out
        except Refused:
            continue  # erased meanwhile; that is told as what it is
        out += lines
    return out
