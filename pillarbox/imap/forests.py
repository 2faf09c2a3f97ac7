"""The threads of a view: what the algorithms (`threads`) are given, and what is kept of their answers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pillarbox.imap import reading, threads
from pillarbox.imap.ordering import COLUMNS, PIECE, Columns, order, places_of, prepared
from pillarbox.imap.orders import sharing
from pillarbox.imap.threads import DUMMY, Forest, Ids, Mail, Work
from pillarbox.imap.view import View
from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.model.threading import Algorithm, Threads
from pillarbox.store import order_files
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

ALGORITHMS: dict[Algorithm, Callable[[Mail], Work[Forest]]] = {
    Algorithm.ORDEREDSUBJECT: threads.ordered_subject,
    Algorithm.REFERENCES: threads.references,
    Algorithm.REFS: threads.refs,
}


async def relations(session: Session, shown: View, algorithm: Algorithm, living: Mask) -> Threads:
    """The threads of all messages of the view that are not expunged."""
    orders, uids = session.services.orders, shown.shown.uids
    key = ("relations", session.account, shown.shown.mailbox, algorithm, session.comparator.name)
    kept: Threads | None = orders.get(key, uids, living)
    if kept is None:
        forest = await threaded(session, shown, algorithm, living)
        turns = Turns()
        places = await places_of(living, shown.exists, turns)
        kept = await turns.through(_relations(forest, places, shown.exists))
        orders.keep(key, uids, kept, 2 * shown.exists, living)
    return kept


def _relations(forest: Forest, places: array[int], exists: int) -> Work[Threads]:
    thread_of = array("I", (0,)) * exists
    roots, leaves = bytearray(exists), bytearray(exists)
    count = 0
    branches = 0  # of the dummy above, that are still to come
    below = 0  # nodes of the present branch, or thread, that are still to come
    for done, (node, children) in enumerate(zip(forest.nodes, forest.children)):
        if not done & (PIECE - 1):
            yield
        begins = not below
        if begins and branches:
            branches -= 1
        elif begins:
            count += 1
        if node == DUMMY:  # always the first of its thread
            branches = children
            continue
        below = (below or 1) + children - 1
        place = places[node]
        thread_of[place] = count
        leaves[place] = not children
        roots[place] = begins
    return Threads(thread_of, count, _mask(roots), _mask(leaves))


def _mask(marks: bytearray) -> Mask:
    return int.from_bytes(marks, "little")


async def threaded(session: Session, shown: View, algorithm: Algorithm, found: Mask) -> Forest:
    """The threads of the messages found, which are known by their index among them."""
    orders, uids = session.services.orders, shown.shown.uids
    key = (session.account, shown.shown.mailbox, algorithm, session.comparator.name)
    kept: Forest | None = orders.get(key, uids, found)
    if kept is not None:
        return kept
    turns = Turns()
    written = order_files.LEAST <= shown.exists == masks.size(found)
    what, made = f"THREAD {session.comparator.name} {algorithm.value}", ""
    forest = None
    if written:
        made = await session.store.read(session.account, order_files.made)
        forest = await _recalled(session, shown, what, made)
    if forest is None:
        mail = await _mail(session, shown, algorithm, found, turns)
        forest = await turns.through(ALGORITHMS[algorithm](mail))
        if written:
            numbers = uids[0 : len(uids)], forest.nodes, forest.children
            session.store.order_files.save(session.account, shown.shown.mailbox, what, made, numbers)
    orders.keep(key, uids, forest, 2 * len(forest.nodes), found)
    return forest


async def _recalled(session: Session, shown: View, what: str, made: str) -> Forest | None:
    """The threads of these very messages, as this process or another one has written them."""
    mailbox = shown.shown.mailbox
    numbers = await session.store.order_files.find(session.account, mailbox, what, made)
    if numbers is None or sharing(numbers[0], shown.shown.uids) is not shown.shown.uids:
        return None
    return Forest(numbers[1], numbers[2])


async def _mail(session: Session, shown: View, algorithm: Algorithm, found: Mask, turns: Turns) -> Mail:
    places = await places_of(found, shown.exists, turns)
    index_of = array("I", (0,)) * shown.exists
    for start in range(0, len(places), PIECE):
        for index, place in enumerate(places[start : start + PIECE], start):
            index_of[place] = index
        await turns.take()

    async def sorted_by(key: SortKey, columns: Columns | None = None) -> Sequence[int]:
        ordered = await order(session, shown, (Criterion(key),), found, columns=columns)
        if len(places) == shown.exists:
            return ordered
        out = array("I")
        for start in range(0, len(ordered), PIECE):
            out.extend([index_of[place] for place in ordered[start : start + PIECE]])
            await turns.take()
        return out

    by_arrival = await sorted_by(SortKey.ARRIVAL) if algorithm is Algorithm.REFS else ()
    ids = Ids()
    columns: Columns = {name: [] for name in ("base_subject", "is_reply", *COLUMNS[SortKey.DATE])}
    # What the order by date may need is read with the rest: each look at a row costs more than its columns.
    names = ("message_id", "refs", *columns)
    async for message_ids, refs, *others in reading.pieces(session, shown, places, names, turns):
        ids.add(message_ids, refs)
        for column, some in zip(columns.values(), others):
            column += some
    by_date = await sorted_by(SortKey.DATE, columns)
    texts = columns["base_subject"]
    keys = await prepared(texts, session.comparator, turns)
    compared: list[str] = []
    for start in range(0, len(texts), PIECE):
        compared += [keys[text] for text in texts[start : start + PIECE]]
        await turns.take()
    return Mail(by_date, by_arrival, ids, compared, bytearray(columns["is_reply"]))
