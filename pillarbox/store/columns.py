"""Mailboxes as columns in memory, shared by all sessions of this process and brought up to date on demand.

Nothing here is the truth: what is cached is tagged with a mod-sequence, and before it is given out the
way from there to now is read from the change rows. So it does not matter who wrote, or whether a ring
was heard.
"""

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from pillarbox.model import numbers
from pillarbox.model.actors import Actor
from pillarbox.model.changes import Columns, Delta
from pillarbox.model.rights import READ
from pillarbox.store import access, changes
from pillarbox.store.tx import Tx

SLICE = 4096  # messages read in one transaction on the event loop: one or two milliseconds
MESSAGES = 4_000_000  # kept at most, of all mailboxes together: 56 MB

AFTER_ALL = 2**63 - 1  # a mod-sequence that is never reached

Read = Callable[..., Awaitable[Any]]
Key = tuple[int, int]


class ColumnsCache:
    """`read(account, verb, *args)` is `Store.read`."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: dict[Key, Columns] = {}  # least recently used first
        self._messages = 0
        self._loading: dict[Key, asyncio.Future[Columns]] = {}

    async def get(self, account: int, actor: Actor, mailbox: int) -> Columns:
        key = (account, mailbox)
        kept = self._kept.get(key)
        if kept is not None:
            way = await self._read(account, _way, actor, mailbox, kept.modseq)
            if way is None:
                return kept
            if way.complete:
                return self._keep(key, apply(kept, way))
        first: Columns = await self._read(account, _start, actor, mailbox)
        if len(first.uids) < SLICE:
            return self._keep(key, first)
        # Long: many sessions may want it at once, and the one that came first may go away.
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.ensure_future(self._load(account, actor, first))
            self._loading[key] = loading
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    def forget(self, account: int) -> None:
        """The account has been erased."""
        for key in [key for key in self._kept if key[0] == account]:
            self._drop(key)

    async def _load(self, account: int, actor: Actor, loaded: Columns) -> Columns:
        """All slices of what was there at the first, and then what happened while they were read. A slice may
        know some of that already; it does not matter, as a `Delta` names each message as it is at the end."""
        while True:
            await asyncio.sleep(0)
            last = loaded.uids[-1]
            more: Columns = await self._read(account, _page, loaded.mailbox, last, loaded.modseq)
            loaded.uids.extend(more.uids)
            loaded.flag_sets.extend(more.flag_sets)
            loaded.modseqs.extend(more.modseqs)
            if len(more.uids) < SLICE:
                break
        way: Delta = await self._read(account, changes.since, actor, loaded.mailbox, loaded.modseq)
        return self._keep((account, loaded.mailbox), apply(loaded, way))

    def _keep(self, key: Key, columns: Columns) -> Columns:
        if key in self._kept:
            self._drop(key)
        self._kept[key] = columns
        self._messages += len(columns.uids) + 1  # an empty mailbox is not for nothing either
        while self._messages > MESSAGES and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))
        return columns

    def _drop(self, key: Key) -> None:
        self._messages -= len(self._kept.pop(key).uids) + 1


def _way(tx: Tx, actor: Actor, mailbox: int, modseq: int) -> Delta | None:
    """From `modseq` to now; None when nothing at all has happened in the account."""
    access.require(tx, actor, mailbox, READ)
    if tx.row("SELECT modseq FROM account WHERE account = ?", tx.account) == (modseq,):
        return None
    return changes.since(tx, actor, mailbox, modseq)


def _start(tx: Tx, actor: Actor, mailbox: int) -> Columns:
    """The first slice, tagged with the mod-sequence as of now."""
    now = changes.since(tx, actor, mailbox, AFTER_ALL).modseq  # nothing to read, but all is checked
    return _page(tx, mailbox, 0, now)


def _page(tx: Tx, mailbox: int, after: int, modseq: int) -> Columns:
    rows = tx.rows(
        "SELECT uid, flag_set, modseq FROM message WHERE account = ? AND mailbox = ? AND uid > ?"
        " AND created <= ? ORDER BY uid LIMIT ?",
        tx.account,
        mailbox,
        after,
        modseq,
        SLICE,
    )
    uids, flag_sets, modseqs = zip(*rows) if rows else ((), (), ())
    return Columns(mailbox, modseq, array("I", uids), array("H", flag_sets), array("Q", modseqs))


def apply(columns: Columns, way: Delta) -> Columns:
    """`columns` as of the end of `way`; arrays in which nothing moved stay the same objects."""
    uids, flag_sets, modseqs = columns.uids, columns.flag_sets, columns.modseqs
    if not (way.gone or way.new_uids or way.changed_uids):
        return replace(columns, modseq=way.modseq)
    if way.gone:
        kept = _outside(numbers.slices(way.gone, uids), len(uids))
        uids, flag_sets, modseqs = _cut(uids, kept), _cut(flag_sets, kept), _cut(modseqs, kept)
    else:
        flag_sets, modseqs = flag_sets[:], modseqs[:]
    if way.changed_uids:
        _overwrite(uids, flag_sets, modseqs, way.changed_uids, way.changed_flag_sets, way.changed_modseqs)
    if way.new_uids:  # always greater than those that were there
        uids = uids + way.new_uids
        flag_sets = flag_sets + way.new_flag_sets
        modseqs = modseqs + way.new_modseqs
    return Columns(columns.mailbox, way.modseq, uids, flag_sets, modseqs)


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


def _overwrite(
    uids: "array[int]",
    flag_sets: "array[int]",
    modseqs: "array[int]",
    changed_uids: "array[int]",
    changed_flag_sets: "array[int]",
    changed_modseqs: "array[int]",
) -> None:
    at = bisect_left(uids, changed_uids[0])
    stop = at + len(changed_uids)
    if uids[at:stop] == changed_uids:  # STORE 1:*, or a single message
        flag_sets[at:stop] = changed_flag_sets
        modseqs[at:stop] = changed_modseqs
        return
    for uid, flag_set, modseq in zip(changed_uids, changed_flag_sets, changed_modseqs):
        at = bisect_left(uids, uid, at)
        if at < len(uids) and uids[at] == uid:
            flag_sets[at] = flag_set
            modseqs[at] = modseq
