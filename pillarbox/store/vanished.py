"""Which messages of a mailbox have been expunged since a mod-sequence (RFC 7162 3.2.6).

Other than `changes.since`, which tells a session the way from what it has seen, this also names messages
that came after the mod-sequence: a client remembers messages whose own mod-sequence it has never been told.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from pillarbox.model.actors import Actor
from pillarbox.model.numbers import MAX_NUMBER, Runs
from pillarbox.model.rights import READ
from pillarbox.store import access
from pillarbox.store.changes import coarse
from pillarbox.store.tx import Tx

PAGE = 1000  # UIDs read at once: half a millisecond
RANGES = 32  # as many questions cost less than looking at what lies between them


@dataclass(frozen=True, slots=True)
class Page:
    """Expunged messages, ascending; those with a UID from `further` on come next, 0 = there are no more."""

    uids: array[int]
    further: int


def page(tx: Tx, actor: Actor, mailbox: int, modseq: int, within: Runs, low: int = 1) -> Page | None:
    """The next of those with a UID of at least `low` in `within` (see `changes.touched`) that were expunged
    after `modseq`. None where that is not known any more."""
    access.require(tx, actor, mailbox, READ)
    floor = tx.row("SELECT vanished_floor FROM mailbox WHERE account = ? AND id = ?", tx.account, mailbox)
    if floor is None or modseq < floor[0]:
        return None
    uids = array("I")
    for first, last in coarse(within, RANGES):
        if last < low:
            continue
        uids.extend(
            uid
            for (uid,) in tx.rows(
                "SELECT uid FROM buried WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
                " AND modseq > ? ORDER BY uid LIMIT ?",
                tx.account,
                mailbox,
                max(first, low),
                last,
                modseq,
                PAGE - len(uids),
            )
        )
        if len(uids) == PAGE:
            return Page(uids, uids[-1] + 1 if uids[-1] < MAX_NUMBER else 0)
    return Page(uids, 0)
