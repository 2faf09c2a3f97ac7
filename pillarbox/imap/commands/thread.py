"""THREAD and UID THREAD. The algorithms are in `threads`, what matches is decided in `matching`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pillarbox.imap import reading, threads
from pillarbox.imap.commands.search import look
from pillarbox.imap.commands.sort import freed_of_charset, in_turn
from pillarbox.imap.ordering import PIECE, order, places_of, prepared
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.threads import Forest, Ids, Mail, Work
from pillarbox.imap.view import View
from pillarbox.imap.wire import thread as wire
from pillarbox.imap.wire.thread import Algorithm
from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

ALGORITHMS: dict[Algorithm, Callable[[Mail], Work[Forest]]] = {
    Algorithm.ORDEREDSUBJECT: threads.ordered_subject,
    Algorithm.REFERENCES: threads.references,
    Algorithm.REFS: threads.refs,
}


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


async def threaded(session: Session, shown: View, algorithm: Algorithm, found: Mask) -> Forest:
    """The threads of the messages found, which are known by their index among them."""
    orders, uids = session.services.orders, shown.shown.uids
    key = (session.account, shown.shown.mailbox, algorithm, session.comparator.name)
    kept: Forest | None = orders.get(key, uids, found)
    if kept is not None:
        return kept
    turns = Turns()
    mail = await _mail(session, shown, algorithm, found, turns)
    forest = await turns.through(ALGORITHMS[algorithm](mail))
    orders.keep(key, uids, forest, 2 * len(forest.nodes), found)
    return forest


async def _mail(session: Session, shown: View, algorithm: Algorithm, found: Mask, turns: Turns) -> Mail:
    places = await places_of(found, shown.exists, turns)
    index_of = array("I", (0,)) * shown.exists
    for start in range(0, len(places), PIECE):
        for index, place in enumerate(places[start : start + PIECE], start):
            index_of[place] = index
        await turns.take()

    async def sorted_by(key: SortKey) -> Sequence[int]:
        ordered = await order(session, shown, (Criterion(key),), found)
        if len(places) == shown.exists:
            return ordered
        out = array("I")
        for start in range(0, len(ordered), PIECE):
            out.extend([index_of[place] for place in ordered[start : start + PIECE]])
            await turns.take()
        return out

    by_date = await sorted_by(SortKey.DATE)
    by_arrival = await sorted_by(SortKey.ARRIVAL) if algorithm is Algorithm.REFS else ()
    ids = Ids()
    texts: list[bytes | None] = []
    replies = bytearray()
    names = ("message_id", "refs", "base_subject", "is_reply")
    async for message_ids, refs, subjects, marks in reading.pieces(session, shown, places, names, turns):
        for message_id, references in zip(message_ids, refs):
            ids.add(message_id, references)
        texts += subjects
        replies += bytes(marks)
    keys = await prepared(texts, session.comparator, turns)
    compared: list[str] = []
    for start in range(0, len(texts), PIECE):
        compared += [keys[text] for text in texts[start : start + PIECE]]
        await turns.take()
    return Mail(by_date, by_arrival, ids, compared, replies)
