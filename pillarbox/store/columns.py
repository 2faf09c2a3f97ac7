"""Mailboxes as columns in memory, shared by all sessions of this process and brought up to date on demand.

Nothing here is the truth: what is cached is tagged with a mod-sequence, and before it is given out the
way from there to now is read from the change rows. So it does not matter who wrote, or whether a ring
was heard.

A long way is read in slices: change rows tell which pieces of the columns have been touched, and these are
read again. A mailbox that is not in memory is one of which everything has been touched, or all but what
`snapshots` knows.
"""

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pillarbox.model import column, numbers
from pillarbox.model.actors import Actor
from pillarbox.model.changes import Columns, Delta, Rows
from pillarbox.model.rights import READ
from pillarbox.store import access, changes, snapshots
from pillarbox.store.incarnation import lineage
from pillarbox.store.snapshots import Snapshots
from pillarbox.store.tx import Tx

SLICE = column.PIECE  # messages read in one transaction on the event loop: a millisecond or two
SHORT = 8192  # what a way may cost to be read in one transaction: two or three milliseconds
UNSAVED = 16_384  # messages that have moved before a new snapshot is worth writing, or half of them
MESSAGES = 4_000_000  # kept at most, of all mailboxes together: 56 MB

NEVER = -1  # a mod-sequence before all others

Read = Callable[..., Awaitable[Any]]
Key = tuple[int, int]


class _Kept(NamedTuple):
    columns: Columns
    unsaved: int  # messages that have moved since the last snapshot


class ColumnsCache:
    """`read(account, verb, *args)` is `Store.read`."""

    def __init__(self, read: Read, snapshots: Snapshots) -> None:
        self._read = read
        self._snapshots = snapshots
        self._kept: dict[Key, _Kept] = {}  # least recently used first
        self._messages = 0
        self._loading: dict[Key, asyncio.Future[Columns]] = {}

    async def get(self, account: int, actor: Actor, mailbox: int) -> Columns:
        key = (account, mailbox)
        kept = self._kept.get(key)
        if kept is not None:
            way = await self._read(account, _way, actor, mailbox, kept.columns.modseq)
            if way is None:
                return kept.columns
            if way.complete:
                return self._keep(key, apply(kept.columns, way), kept.unsaved + _moved(way))
        elif (short := await self._read(account, _short, actor, mailbox)) is not None:
            return self._keep(key, short)
        # Long: many sessions may want it at once, and the one that came first may go away.
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.ensure_future(self._load(account, actor, mailbox, kept and kept.columns))
            self._loading[key] = loading
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    def known(self, account: int, mailbox: int, modseq: int) -> Columns | None:
        """The mailbox as of `modseq`, where it is at hand."""
        kept = self._kept.get((account, mailbox))
        return kept.columns if kept is not None and kept.columns.modseq == modseq else None

    def latest(self, account: int, mailbox: int) -> Columns | None:
        """The mailbox as it was when it was asked for last."""
        kept = self._kept.get((account, mailbox))
        return kept and kept.columns

    def after_store(
        self, account: int, mailbox: int, modseq: int, uids: "array[int]", flag_sets: "array[int]"
    ) -> Columns | None:
        """The mailbox right after a STORE, where only that divides it from what is kept. The verb has looked
        at rights and rows already, so nothing is read."""
        key = (account, mailbox)
        kept = self._kept.get(key)
        if kept is None or kept.columns.modseq != modseq - 1 or len(uids) > SHORT:
            return None
        if len(uids) == 1:
            return self._keep(key, _flagged(kept.columns, modseq, uids[0], flag_sets[0]), kept.unsaved + 1)
        no_uids, no_flag_sets, no_modseqs = array("I"), array("H"), array("Q")
        modseqs = array("Q", (modseq,)) * len(uids)
        way = Delta(modseq, no_uids, no_flag_sets, no_modseqs, uids, flag_sets, modseqs, gone=())
        return self._keep(key, apply(kept.columns, way), kept.unsaved + len(uids))

    def forget(self, account: int) -> None:
        """The account has been erased."""
        for key in [key for key in self._kept if key[0] == account]:
            self._drop(key)

    async def _load(self, account: int, actor: Actor, mailbox: int, known: Columns | None) -> Columns:
        if known is None:
            known = await self._snapshots.find(account, mailbox, await self._read(account, lineage))
            if known is not None:
                way, messages = await self._read(account, _end, actor, mailbox, known.modseq)
                if way.complete and known.modseq <= way.modseq:  # else it is from the future
                    columns = apply(known, way)
                    if len(columns.uids) == messages:
                        return self._keep((account, mailbox), columns, _moved(way))
        if known is not None:
            columns, messages, moved = await self._caught_up(account, actor, known)
        if known is None or len(columns.uids) != messages:
            nothing = Columns.joined(mailbox, NEVER, ())
            columns, _, moved = await self._caught_up(account, actor, nothing)
        return self._keep((account, mailbox), columns, moved)

    async def _caught_up(self, account: int, actor: Actor, known: Columns) -> tuple[Columns, int, int]:
        """`known` with all that may have changed since read again, then what happened while that was read;
        how many messages there should be, and how many were read. A slice may know some of what is to come
        already; it does not matter, as a `Delta` names each message as it is at the end."""
        mailbox = known.mailbox
        read = 0
        while True:
            modseq, runs = await self._read(account, changes.touched, actor, mailbox, known.modseq)
            if runs is None:
                known, runs = Columns.joined(mailbox, modseq, ()), ()
            parts: list[Rows] = []
            last = 0
            for at, uids in enumerate(known.uids.pieces):
                last = uids[-1]
                if numbers.meet(runs, uids[0], last):
                    read += await self._slices(account, mailbox, uids[0], last, modseq, parts)
                else:
                    parts.append(known.piece(at))
            read += await self._slices(account, mailbox, last + 1, numbers.MAX_NUMBER, modseq, parts)
            known = Columns.joined(mailbox, modseq, parts)
            way, messages = await self._read(account, _end, actor, mailbox, modseq)
            if way.complete:
                return apply(known, way), messages, read

    async def _slices(
        self, account: int, mailbox: int, low: int, high: int, modseq: int, parts: list[Rows]
    ) -> int:
        """Messages that were there at `modseq`, added to `parts`; how many."""
        read = 0
        while True:
            await asyncio.sleep(0)
            rows: Rows = await self._read(
                account, changes.rows, mailbox, low, high, created=modseq, limit=SLICE
            )
            if rows.uids:
                parts.append(rows)
                read += len(rows.uids)
                low = rows.uids[-1] + 1
            if len(rows.uids) < SLICE:
                return read

    def _keep(self, key: Key, columns: Columns, unsaved: int = 0) -> Columns:
        if key in self._kept:
            self._drop(key)
        if unsaved >= min(UNSAVED, len(columns.uids) // 2 + 1):
            self._snapshots.save(key[0], columns)
            unsaved = 0
        self._kept[key] = _Kept(columns, unsaved)
        self._messages += len(columns.uids) + 1  # an empty mailbox is not for nothing either
        while self._messages > MESSAGES and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))
        return columns

    def _drop(self, key: Key) -> None:
        self._messages -= len(self._kept.pop(key).columns.uids) + 1


def _way(tx: Tx, actor: Actor, mailbox: int, modseq: int) -> Delta | None:
    """From `modseq` to now; None when nothing at all has happened in the account."""
    access.require(tx, actor, mailbox, READ)
    if tx.row("SELECT modseq FROM account WHERE account = ?", tx.account) == (modseq,):
        return None
    return changes.since(tx, actor, mailbox, modseq, most=SHORT)


def _end(tx: Tx, actor: Actor, mailbox: int, modseq: int) -> tuple[Delta, int]:
    """The last bit of the way, and how many messages there are."""
    return changes.since(tx, actor, mailbox, modseq, most=SHORT), _messages(tx, mailbox)


def _moved(way: Delta) -> int:
    return len(way.new_uids) + len(way.changed_uids) + numbers.count(way.gone)


def _messages(tx: Tx, mailbox: int) -> int:
    found = tx.rows("SELECT sum(n) FROM mailbox_flags WHERE account = ? AND mailbox = ?", tx.account, mailbox)
    return found[0][0] or 0


def _short(tx: Tx, actor: Actor, mailbox: int) -> Columns | None:
    """The mailbox, unless it is so long that there may be a snapshot."""
    access.require(tx, actor, mailbox, READ)
    return (
        changes.columns(tx, actor, mailbox) if _messages(tx, mailbox) < min(SLICE, snapshots.LEAST) else None
    )


def _flagged(columns: Columns, modseq: int, uid: int, flag_set: int) -> Columns:
    """`apply` for the most frequent way of all: one message has other flags."""
    uids = columns.uids
    place = uids.place(uid)
    if place == len(uids) or uids[place] != uid:
        return columns.edited(modseq, {})
    return Columns(
        *(columns.mailbox, modseq, uids),
        *(columns.flag_sets.but(place, flag_set), columns.modseqs.but(place, modseq)),
    )


def apply(columns: Columns, way: Delta) -> Columns:
    """`columns` as of the end of `way`; pieces in which nothing moved stay the same objects."""
    edits: dict[int, Rows] = {}
    uids = columns.uids
    for at, gone in uids.by_piece(uids.slices(way.gone)).items():
        piece = columns.piece(at)
        kept = _outside(gone, len(piece.uids))
        edits[at] = Rows(_cut(piece.uids, kept), _cut(piece.flag_sets, kept), _cut(piece.modseqs, kept))
    if way.changed_uids and uids.pieces:
        _overwrite(columns, edits, way)
    if way.new_uids:  # always greater than those that were there
        new = Rows(way.new_uids, way.new_flag_sets, way.new_modseqs)
        last = len(uids.pieces) - 1
        if last >= 0 and len(uids.pieces[last]) < column.PIECE:
            before = edits.get(last) or columns.piece(last)
            edits[last] = Rows(
                before.uids + new.uids, before.flag_sets + new.flag_sets, before.modseqs + new.modseqs
            )
        else:
            edits[last + 1] = new
    return columns.edited(way.modseq, edits)


def _outside(gone: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """The half-open index pairs between those in `gone`."""
    starts = [0, *(stop for _, stop in gone)]
    stops = [*(start for start, _ in gone), size]
    return [(start, stop) for start, stop in zip(starts, stops) if start < stop]


def _cut(column: "array[int]", kept: list[tuple[int, int]]) -> "array[int]":
    out = array(column.typecode)
    for start, stop in kept:
        out.extend(column[start:stop])
    return out


def _overwrite(columns: Columns, edits: dict[int, Rows], way: Delta) -> None:
    """Put the changed flags into copies of the pieces they stand in."""
    taken, stop = 0, len(way.changed_uids)
    while taken < stop:
        at = max(columns.uids.piece_of(way.changed_uids[taken]), 0)
        end = max(bisect_left(way.changed_uids, columns.uids.pieces[at][-1] + 1, taken), taken + 1)
        found = edits.get(at) or columns.piece(at)
        flag_sets, modseqs = found.flag_sets[:], found.modseqs[:]
        place = bisect_left(found.uids, way.changed_uids[taken])
        if (
            found.uids[place : place + end - taken] == way.changed_uids[taken:end]
        ):  # STORE 1:*, or a single one
            flag_sets[place : place + end - taken] = way.changed_flag_sets[taken:end]
            modseqs[place : place + end - taken] = way.changed_modseqs[taken:end]
        else:
            for index in range(taken, end):
                place = bisect_left(found.uids, way.changed_uids[index], place)
                if place < len(found.uids) and found.uids[place] == way.changed_uids[index]:
                    flag_sets[place] = way.changed_flag_sets[index]
                    modseqs[place] = way.changed_modseqs[index]
        edits[at] = Rows(found.uids, flag_sets, modseqs)
        taken = end
