"""SORT and UID SORT. What matches is decided in `matching`, in what order in `ordering`."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import results, telling, view
from pillarbox.imap.commands.search import modseq_of, ranked, wants_relevancy
from pillarbox.imap.commands.updating import refusal, require_free, updating
from pillarbox.imap.contexts import Order
from pillarbox.imap.ordering import order
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.view import View
from pillarbox.imap.wire import sort as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.esearch import Returning, ReturnOption
from pillarbox.imap.wire.search import Search
from pillarbox.model import masks
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.masks import Mask
from pillarbox.model.numbers import runs_of
from pillarbox.model.search import Modseq
from pillarbox.model.sorting import SortKey

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def sort(session: Session, tag: bytes, command: wire.Sort) -> Outcome:
    search = freed_of_charset(session, command.search)
    require_free(session, tag, search.returning)
    found, relevancy = await ranked(session, tag, search, wants_relevancy(search, command.criteria))
    shown = session.selected
    scores = None
    if relevancy is not None:
        scores = dict(zip(masks.selected(range(shown.exists), found), relevancy))
    places = await order(session, shown, command.criteria, found, scores)
    completed = f"{'UID ' if search.uid else ''}SORT completed"
    if search.returning is not None:
        data = await _returned(session, tag, command, search.returning, found, places, scores)
        return Done(completed, data=data)
    data, modseq = await modseq_of(session, search, shown, found)
    pieces = wire.encode_sorted(numbers(shown, places, uid=search.uid), modseq)
    return Done(completed, data=data, stream=in_turn(pieces))


async def _returned(
    session: Session,
    tag: bytes,
    command: wire.Sort,
    returning: Returning,
    found: Mask,
    places: Sequence[int],
    scores: Mapping[int, int] | None,
) -> tuple[Response, ...]:
    """RFC 5267 3: the answer is an ESEARCH response, whose results are in the order asked for."""
    search, shown = command.search, session.selected
    data: tuple[Response, ...] = ()
    modseq = None
    spans = results.returned(len(places), returning)
    if command.mentions(Modseq):
        data = await telling.aware(session)
        modseqs = shown.shown.modseqs[0 : shown.exists]  # RFC 7162 3.1.10
        modseq = max([modseqs[place] for place in results.of(places, spans)], default=None)
    if ReturnOption.SAVE in returning:
        uids = shown.shown.uids[0 : shown.exists]
        saved = sorted([uids[place] for place in results.of(places, spans)])
        session.view = view.saving(session.selected, runs_of(saved))
    if returning.options != {ReturnOption.SAVE}:
        known_by = list(numbers(shown, places, uid=search.uid))
        relevancy = None
        if scores is not None and ReturnOption.RELEVANCY in returning:
            relevancy = [scores[place] for place in places]
        told = results.told(tag, known_by, returning, uid=search.uid, modseq=modseq, relevancy=relevancy)
        data += (told,)
    if ReturnOption.UPDATE in returning and any(one.key is SortKey.RELEVANCY for one in command.criteria):
        # RFC 5267 4.3.1: one new message can make all others less relevant.
        data += (refusal(tag),)
    elif ReturnOption.UPDATE in returning:
        listed = array("I", numbers(shown, places, uid=True))
        data += updating(session, tag, search, found, order=Order(command.criteria, listed))
    return data


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
