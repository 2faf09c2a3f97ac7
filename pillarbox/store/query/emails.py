"""Which email each message of a mailbox is: arrays beside the pieces of its UID column.

A UID belongs to one email for ever, so what has been read stays right; it is kept by the pieces that
sessions share, and read again only where a piece is a new one.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Collection
from itertools import compress
from typing import TYPE_CHECKING

from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.model.rights import READ
from pillarbox.store import access
from pillarbox.store.query.scope import Scope
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

MESSAGES = 2_000_000  # kept in one process, eight octets each
ASKED = 100  # emails looked up in one read
FEW = 6.0  # microseconds to look an email up
SCAN, LOAD = 0.06, 0.6  # microseconds to look at a message, and to read its row before


class EmailColumns:
    """The arrays this process has, those not used for longest go first."""

    def __init__(self, messages: int = MESSAGES) -> None:
        self._most = messages
        self._messages = 0
        # By the identity of the piece of UIDs, which is held so that it stays that.
        self._kept: OrderedDict[int, tuple[array[int], array[int]]] = OrderedDict()

    def get(self, uids: array[int]) -> array[int] | None:
        kept = self._kept.get(id(uids))
        if kept is None:
            return None
        self._kept.move_to_end(id(uids))
        return kept[1]

    def keep(self, uids: array[int], emails: array[int]) -> None:
        if id(uids) not in self._kept:
            self._messages += len(uids)
        self._kept[id(uids)] = uids, emails
        while self._messages > self._most and len(self._kept) > 1:
            self._messages -= len(self._kept.popitem(last=False)[1][0])


async def of_piece(store: Store, scope: Scope, at: int) -> array[int]:
    """The emails of a piece of the mailbox, 0 for a message that is not there any more."""
    uids = scope.uids.pieces[at]
    emails = store.email_columns.get(uids)
    if emails is None:
        emails = await store.read(scope.account, _aligned, scope, uids)
        store.email_columns.keep(uids, emails)
    return emails


def _aligned(tx: Tx, scope: Scope, uids: array[int]) -> array[int]:
    access.require(tx, scope.actor, scope.mailbox, READ)
    rows = tx.rows(
        "SELECT uid, email FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
        " ORDER BY uid",
        *(tx.account, scope.mailbox, uids[0], uids[-1]),
    )
    if len(rows) == len(uids):
        found, emails = zip(*rows)
        if found == tuple(uids):
            return array("Q", emails)
    known = dict(rows)
    return array("Q", [known.get(uid, 0) for uid in uids])


async def places(store: Store, scope: Scope, turns: Turns, emails: Collection[int], candidates: Mask) -> Mask:
    """Those of the candidates that are one of these emails."""
    if not emails:
        return masks.NONE
    if FEW * len(emails) < _scanning(store, scope):
        return await _asked(store, scope, turns, list(emails)) & candidates
    wanted = emails if isinstance(emails, set | frozenset) else set(emails)
    marked = []
    for at in range(len(scope.uids.pieces)):
        marked.append(bytes(map(wanted.__contains__, await of_piece(store, scope, at))))
        await turns.take()
    return int.from_bytes(b"".join(marked), "little") & candidates


def _scanning(store: Store, scope: Scope) -> float:
    """Microseconds that it takes to look at all of the mailbox."""
    pieces = scope.uids.pieces
    new = sum(len(piece) for piece in pieces if store.email_columns.get(piece) is None)
    return SCAN * len(scope.uids) + LOAD * new


async def _asked(store: Store, scope: Scope, turns: Turns, emails: list[int]) -> Mask:
    found: list[int] = []
    uids = scope.uids
    for start in range(0, len(emails), ASKED):
        for uid in await store.read(scope.account, _uids_of, scope, emails[start : start + ASKED]):
            place = uids.place(uid)
            if place < len(uids) and uids[place] == uid:
                found.append(place)
        await turns.take()
    return masks.of_indices(found, len(uids))


def _uids_of(tx: Tx, scope: Scope, emails: list[int]) -> list[int]:
    access.require(tx, scope.actor, scope.mailbox, READ)
    return [
        uid
        for email in emails
        for (uid,) in tx.rows(
            "SELECT uid FROM message WHERE account = ? AND email = ? AND mailbox = ?",
            *(tx.account, email, scope.mailbox),
        )
    ]


async def at(store: Store, scope: Scope, turns: Turns, wanted: Mask) -> set[int]:
    """The emails of these messages."""
    octets = wanted.to_bytes(len(scope.uids), "little")
    out: set[int] = set()
    for number, start in enumerate(scope.uids.starts[:-1]):
        marked = octets[start : scope.uids.starts[number + 1]]
        if 1 in marked:
            out.update(compress(await of_piece(store, scope, number), marked))
            await turns.take()
    out.discard(0)
    return out
