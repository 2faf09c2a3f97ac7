"""What changed in the selected mailbox since a mod-sequence that the client names: for SELECT (QRESYNC), and
for FETCH with CHANGEDSINCE and VANISHED (RFC 7162 3.1.4.1, 3.2.5, 3.2.6).

Rules of the place:
* flags are answered from the view, whose columns hold the mod-sequence of every message. The store says which
  stretches are worth a look; where it has forgotten, all of them are looked at;
* a UID that the session shows is never told as vanished here: that it is gone is news, and has its time
  (RFC 7162 3.2.10.2);
* where the store has forgotten, vanished is what the client knows and the mailbox does not have
  (RFC 7162 5.1, 5.3).
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from pillarbox.imap import view
from pillarbox.imap.view import Spans, View
from pillarbox.model import numbers
from pillarbox.model.column import Column
from pillarbox.model.numbers import MAX_NUMBER, Ranges, Runs
from pillarbox.store import changes, mailboxes, present
from pillarbox.store import vanished as expunged

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

STEP = 2 * 4096  # messages looked at before others have their turn: a millisecond or two

Touched = Runs | None  # UIDs outside which nothing happened; None: nobody knows any more


async def touched(session: Session, modseq: int) -> Touched:
    mailbox = session.selected.shown.mailbox
    _, runs = await session.store.read(session.account, changes.touched, session.actor, mailbox, modseq)
    return runs


async def changed(shown: View, chosen: Spans, modseq: int, where: Touched) -> Spans:
    """Those of the chosen messages with a mod-sequence above `modseq`."""
    if where is not None:
        chosen = view.common(chosen, shown.shown.uids.slices(where))
    found: list[int] = []
    seen = 0
    for at, parts in shown.shown.modseqs.by_piece(chosen).items():
        piece, first = shown.shown.modseqs.pieces[at], shown.shown.modseqs.starts[at]
        for start, stop in parts:
            part = piece[start:stop]
            if max(part) > modseq:
                found += [place for place, one in enumerate(part, first + start) if one > modseq]
            seen += stop - start
        if seen >= STEP:
            await asyncio.sleep(0)
            seen = 0
    return view.spans_of(found)


async def vanished(session: Session, known: Runs, modseq: int, where: Touched) -> Runs:
    """Those of the UIDs `known` to the client that have been expunged after `modseq`, and perhaps others
    that are not there any more."""
    uids = await _expunged(session, known, modseq, where)
    if uids is None:
        return await _absent(session, known)
    shown = session.selected.shown.uids
    return present.runs_of(array("I", [uid for uid in uids if not _has(shown, uid)]))


async def _expunged(session: Session, known: Runs, modseq: int, where: Touched) -> list[int] | None:
    uids: list[int] = []
    further = 1
    while where and further:
        page = await session.store.read(
            session.account,
            expunged.page,
            session.actor,
            session.selected.shown.mailbox,
            modseq,
            where,
            further,
        )
        if page is None:
            return None
        uids += [uid for uid in page.uids if numbers.contains(known, uid)]
        further = page.further
        await asyncio.sleep(0)
    return None if where is None else uids


async def _absent(session: Session, known: Runs) -> Runs:
    """Known minus present. The next UID is read before the mailbox is: a message that comes in between is
    in the mailbox, and not among those that are gone."""
    store, account, mailbox = session.store, session.account, session.selected.shown.mailbox
    row = await store.read(account, mailboxes.get, session.actor, mailbox)
    columns = await store.columns(account, session.actor, mailbox)
    gone = await _without(upto(known, row.uidnext - 1), columns.uids)
    shown = session.selected.shown
    return gone if shown is columns else await _without(gone, shown.uids)


async def _without(known: Runs, uids: Column) -> Runs:
    out: list[tuple[int, int]] = []
    seen = 0
    for low, high in known:
        start, stop = uids.place(low), uids.place(high + 1)
        while start < stop:
            end = min(start + STEP, stop)
            for first, last in present.runs_of(uids[start:end]):
                if low < first:
                    out.append((low, first - 1))
                low = last + 1
            seen += end - start
            start = end
            if seen >= STEP:
                await asyncio.sleep(0)
                seen = 0
        if low <= high:
            out.append((low, high))
    return tuple(out)


def _has(uids: Column, uid: int) -> bool:
    place = uids.place(uid)
    return place < len(uids) and uids[place] == uid


def upto(known: Runs, last: int) -> Runs:
    """The part of `known` that is not above `last`."""
    stop = bisect_right(known, (last, MAX_NUMBER))
    cut = known[:stop]
    if cut and cut[-1][1] > last:
        cut = (*cut[:-1], (cut[-1][0], last))
    return cut


def beyond(known: Runs, first: int) -> Runs:
    """The part of `known` that is above `first`."""
    start = bisect_right(known, (first, MAX_NUMBER))
    if start and known[start - 1][1] > first:
        return ((first + 1, known[start - 1][1]), *known[start:])
    return known[start:]


def matched(shown: View, places: Ranges, uids: Ranges) -> int:
    """The greatest of `uids` that still has the message number the client gives for it, 0 for none: up to
    there the client knows of every expunge (RFC 7162 3.2.5.2).

    Where both sets run on without a gap, the difference between what is there and what the client believes
    only grows, so each stretch costs a few looks, however long it is.
    """
    here, column = shown.exists, shown.shown.uids
    for number, uid, length in reversed(_stretches(places, uids)):
        low, high = 0, min(length, here - number + 1)
        while low < high:  # the first place where the mailbox is ahead of the client
            middle = (low + high) // 2
            if column[number - 1 + middle] > uid + middle:
                high = middle
            else:
                low = middle + 1
        if low and column[number - 2 + low] == uid + low - 1:
            return uid + low - 1
    return 0


def _stretches(places: Ranges, uids: Ranges) -> list[tuple[int, int, int]]:
    """(first number, first UID, how many) of the stretches in which both sets ascend by one."""
    out: list[tuple[int, int, int]] = []
    rest = iter(uids)
    uid, last = 0, -1
    for number, end in places:
        while number <= end:
            if uid > last:
                uid, last = next(rest)
            length = min(end - number, last - uid) + 1
            out.append((number, uid, length))
            number += length
            uid += length
    return out
