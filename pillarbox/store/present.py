"""Which messages of a mailbox a set of UIDs names.

Clients write sets freely: `1:*`, a million single numbers, ranges where nothing is. Every verb meets
them here first, and works on from what is really there. A set of few runs, or of runs far apart, is answered
by the index, one question a run; one of many by one pass over the stretch of the mailbox that it spans.

UIDs are collected inside SQLite as one text: making a row object of each would take three times as long.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

from pillarbox.model import numbers
from pillarbox.model.changes import Columns
from pillarbox.model.column import distinct
from pillarbox.model.numbers import Runs, contains
from pillarbox.store.tx import Tx

FEW = 32  # so many questions cost less than a pass
SEEK = 10  # rows of a pass that cost as much as one question more
NARROW = 256  # UIDs between the ends: so many rows cost less than collecting them flag set by flag set
PAGE = 512
AT_ONCE = 16_384  # UIDs in one text: reading it takes a millisecond, in which no other thread runs
BLOCK = 256


@dataclass(slots=True)
class Group:
    """Messages of one flag set: their UIDs, ascending, and the sum of their sizes."""

    uids: array[int]
    octets: int = 0


def at_most(tx: Tx, mailbox: int, runs: Runs) -> int:
    """A bound of how many messages `runs` names, without looking at them."""
    width = sum(high - low + 1 for low, high in runs)
    if width <= NARROW:
        return width
    (messages,) = tx.rows(
        "SELECT coalesce(sum(n), 0) FROM mailbox_flags WHERE account = ? AND mailbox = ?", tx.account, mailbox
    )[0]
    return min(width, int(messages))


def uids(tx: Tx, mailbox: int, runs: Runs, *, changed_since: int = 0) -> array[int]:
    """The UIDs in `runs` of messages with a mod-sequence above `changed_since`, ascending."""
    found = array("I")
    if len(runs) <= FEW or _scattered(tx, mailbox, runs):
        for low, high in runs:
            while True:
                (text,) = tx.rows(
                    "SELECT string_agg(CAST(uid AS TEXT), ',') FROM (SELECT uid FROM message"
                    " WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? AND modseq > ?"
                    " ORDER BY uid LIMIT ?) AS named",
                    tx.account,
                    mailbox,
                    low,
                    high,
                    changed_since,
                    AT_ONCE,
                )[0]
                some = _numbers(text)
                found.extend(some)
                if len(some) < AT_ONCE:
                    break
                low = some[-1] + 1
        return found
    last, end = runs[0][0] - 1, runs[-1][1]
    while True:
        page = [
            uid
            for (uid,) in tx.rows(
                "SELECT uid FROM message WHERE account = ? AND mailbox = ? AND uid > ? AND uid <= ?"
                " AND modseq > ? ORDER BY uid LIMIT ?",
                tx.account,
                mailbox,
                last,
                end,
                changed_since,
                PAGE,
            )
        ]
        found.extend(_within(page, runs))
        if len(page) < PAGE:
            return found
        last = page[-1]


def by_flag_set(
    tx: Tx, mailbox: int, runs: Runs, flag_sets: Sequence[int], *, most_modseq: int
) -> dict[int, Group]:
    """The messages in `runs` that have one of `flag_sets` and a mod-sequence up to `most_modseq`."""
    if not runs or not flag_sets:
        return {}
    if runs[-1][1] - runs[0][0] > NARROW and len(runs) * len(flag_sets) <= FEW:
        return _collected(tx, mailbox, runs, flag_sets, most_modseq)
    groups: dict[int, Group] = {}
    wanted = frozenset(flag_sets)
    apart = len(runs) == 1 or _scattered(tx, mailbox, runs)
    for low, high in runs if apart else ((runs[0][0], runs[-1][1]),):
        last = low - 1
        while True:
            page = tx.rows(
                "SELECT uid, flag_set, size, modseq FROM message WHERE account = ? AND mailbox = ?"
                " AND uid > ? AND uid <= ? ORDER BY uid LIMIT ?",
                tx.account,
                mailbox,
                last,
                high,
                PAGE,
            )
            uids = [row[0] for row in page]
            named = uids if apart else frozenset(_within(uids, runs))
            for uid, flag_set, size, modseq in page:
                if flag_set in wanted and modseq <= most_modseq and (named is uids or uid in named):
                    group = groups.get(flag_set)
                    if group is None:
                        group = groups[flag_set] = Group(array("I"))
                    group.uids.append(uid)
                    group.octets += size
            if len(page) < PAGE:
                break
            last = uids[-1]
    return groups


def those_having(
    tx: Tx,
    mailbox: int,
    runs: Runs,
    flag_sets: dict[int, tuple[int, int]],
    *,
    most_modseq: int,
    known: Columns | None,
) -> dict[int, Group]:
    """`by_flag_set`, where of each flag set it is known how many messages of the mailbox have it, and their
    octets; and of the mailbox, perhaps, how it was a moment ago."""
    if known is not None and most_modseq >= known.modseq and _still(tx, mailbox, known):
        return _among(tx, known, runs, flag_sets)
    return by_flag_set(tx, mailbox, runs, tuple(flag_sets), most_modseq=most_modseq)


def _still(tx: Tx, mailbox: int, known: Columns) -> bool:
    """Whether these columns are the mailbox as it is in this transaction."""
    if known.mailbox != mailbox:
        return False
    found = tx.row("SELECT highest FROM mailbox WHERE account = ? AND id = ?", tx.account, mailbox)
    return found is not None and found[0] <= known.modseq


def _among(tx: Tx, known: Columns, runs: Runs, flag_sets: dict[int, tuple[int, int]]) -> dict[int, Group]:
    groups: dict[int, Group] = {}
    for start, stop in known.uids.slices(runs):
        rows = known.rows(start, stop)
        there = distinct(rows.flag_sets)
        for flag_set in there & flag_sets.keys():
            some = rows.uids
            if len(there) > 1:
                some = array("I", compress(some, map(flag_set.__eq__, rows.flag_sets)))
            if flag_set in groups:
                groups[flag_set].uids.extend(some)
            else:
                groups[flag_set] = Group(some)
    for flag_set, group in groups.items():
        messages, octets = flag_sets[flag_set]
        group.octets = octets if len(group.uids) == messages else _octets(tx, known.mailbox, group.uids)
    return groups


def _octets(tx: Tx, mailbox: int, uids: array[int]) -> int:
    """The sizes of these messages, all of which are there."""
    total = 0
    for low, high in runs_of(uids):
        (octets,) = tx.rows(
            "SELECT sum(size) FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?",
            tx.account,
            mailbox,
            low,
            high,
        )[0]
        total += octets
    return total


def _scattered(tx: Tx, mailbox: int, runs: Runs) -> bool:
    """Whether a question for each run costs less than a pass over the stretch that they span."""
    if not runs:
        return False
    return len(runs) * SEEK < at_most(tx, mailbox, ((runs[0][0], runs[-1][1]),))


def _collected(
    tx: Tx, mailbox: int, runs: Runs, flag_sets: Sequence[int], most_modseq: int
) -> dict[int, Group]:
    groups: dict[int, Group] = {}
    for flag_set in flag_sets:
        group = Group(array("I"))
        for low, high in runs:
            while True:
                text, octets = tx.rows(
                    "SELECT string_agg(CAST(uid AS TEXT), ','), sum(size) FROM (SELECT uid, size"
                    " FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
                    " AND flag_set = ? AND modseq <= ? ORDER BY uid LIMIT ?) AS named",
                    tx.account,
                    mailbox,
                    low,
                    high,
                    flag_set,
                    most_modseq,
                    AT_ONCE,
                )[0]
                some = _numbers(text)
                group.uids.extend(some)
                group.octets += octets or 0
                if len(some) < AT_ONCE:
                    break
                low = some[-1] + 1
        if group.uids:
            groups[flag_set] = group
    return groups


def runs_of(uids: array[int]) -> Runs:
    """Ascending UIDs as runs; where they are dense, at a look for each `BLOCK` of them."""
    if uids and uids[-1] - uids[0] == len(uids) - 1:
        return ((uids[0], uids[-1]),)
    out: list[tuple[int, int]] = []
    for start in range(0, len(uids), BLOCK):
        block = uids[start : start + BLOCK]
        dense = block[-1] - block[0] == len(block) - 1
        pieces = ((block[0], block[-1]),) if dense else numbers.runs_of(block)
        if out and out[-1][1] + 1 == pieces[0][0]:
            out[-1] = (out[-1][0], pieces[0][1])
            pieces = pieces[1:]
        out += pieces
    return tuple(out)


def _numbers(text: str | None) -> list[int]:
    return json.loads(f"[{text}]") if text else []


def _within(page: list[int], runs: Runs) -> Iterable[int]:
    """The numbers of an ascending page that are in `runs`."""
    if not page:
        return page
    # A million runs may lie between two UIDs of this page: look from the shorter side.
    first = max(bisect_right(runs, (page[0], 0)) - 1, 0)
    stop = bisect_right(runs, (page[-1] + 1, 0))
    if stop - first > len(page):
        return [uid for uid in page if contains(runs, uid)]
    return [
        uid
        for low, high in runs[first:stop]
        for uid in page[bisect_left(page, low) : bisect_right(page, high)]
    ]
