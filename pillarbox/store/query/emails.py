"""Which email each message of a mailbox is, and where in the index it stands: beside the UID column.

A UID belongs to one email for ever, and an email has one rank in an index for ever; so what has been read
stays right. It is kept by the pieces that sessions share, and read again only where a piece is a new one.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import TYPE_CHECKING

import msgspec

from pillarbox.model import masks
from pillarbox.model.masks import Mask
from pillarbox.model.rights import READ
from pillarbox.store import access
from pillarbox.store.index.marks import Marks
from pillarbox.store.index.reader import Snapshot
from pillarbox.store.query.scope import Scope
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

MESSAGES = 2_000_000  # kept in one process, eight octets each
PIECES = 4_000  # kept in one process
ROWS = 1024  # read at once
ASKED = 100  # emails looked up in one read
_numbers = msgspec.json.Decoder(list[int]).decode

FEW = 6.0  # microseconds to look an email up
SCAN, LOAD = 0.03, 0.5  # microseconds to look at a message, and to read its row before


@dataclass(slots=True)
class Ranks:
    """Where the emails of a piece stand in the index that `serial` names, when it held `total`: from `start`
    on without a gap, or where `numbers` says, -1 for those that are not there."""

    serial: int
    total: int
    start: int
    numbers: array[int] | None

    @property
    def complete(self) -> bool:
        return self.numbers is None or -1 not in self.numbers


@dataclass(slots=True)
class Piece:
    """`uids` is held so that its identity stays its own."""

    uids: array[int]
    emails: array[int]  # 0 for a message that is not there any more
    ranks: Ranks | None = None


class EmailColumns:
    """The pieces this process knows, those not used for longest go first."""

    def __init__(self, messages: int = MESSAGES) -> None:
        self._most = messages
        self._messages = 0
        self._kept: OrderedDict[int, Piece] = OrderedDict()

    def get(self, uids: array[int]) -> Piece | None:
        kept = self._kept.get(id(uids))
        if kept is not None:
            self._kept.move_to_end(id(uids))
        return kept

    def keep(self, piece: Piece) -> None:
        if id(piece.uids) not in self._kept:
            self._messages += len(piece.uids)
        self._kept[id(piece.uids)] = piece
        # Little views of some messages come and go: they are many, and hold little.
        while len(self._kept) > 1 and (self._messages > self._most or len(self._kept) > PIECES):
            self._messages -= len(self._kept.popitem(last=False)[1].uids)


class Mailbox:
    """The emails of one mailbox, for one search."""

    def __init__(self, store: Store, scope: Scope, turns: Turns) -> None:
        self._store = store
        self._scope = scope
        self._turns = turns

    async def piece(self, at: int) -> Piece:
        uids = self._scope.uids.pieces[at]
        piece = self._store.email_columns.get(uids)
        if piece is None:
            emails = array("Q")
            for start in range(0, len(uids), ROWS):
                some = uids[start : start + ROWS]
                emails += await self._store.read(self._scope.account, _aligned, self._scope, some)
                await self._turns.take()
            piece = Piece(uids, emails)
            self._store.email_columns.keep(piece)
        return piece

    async def _ranked(self, at: int, snapshot: Snapshot) -> Ranks:
        piece = await self.piece(at)
        serial, total = snapshot.reader.serial, snapshot.starts[-1]
        ranks = piece.ranks
        if ranks is not None and ranks.serial == serial:
            if ranks.total == total or (ranks.total < total and ranks.complete):
                return ranks
            if ranks.total > total:  # a later search has seen more of the index
                return await self._rank(piece, snapshot)
        ranks = piece.ranks = await self._rank(piece, snapshot)
        return ranks

    async def _rank(self, piece: Piece, snapshot: Snapshot) -> Ranks:
        emails = piece.emails
        serial, total = snapshot.reader.serial, snapshot.starts[-1]
        start = snapshot.rank_of(emails[0])
        if start >= 0 and snapshot.emails_at(start, start + len(emails)) == emails:
            return Ranks(serial, total, start, None)
        numbers = array("i")
        for first in range(0, len(emails), ROWS):
            numbers.extend(map(snapshot.rank_of, emails[first : first + ROWS]))
            await self._turns.take()
        return Ranks(serial, total, 0, numbers)

    def scanning(self) -> float:
        """Microseconds that it takes to look at all of the mailbox."""
        pieces = self._scope.uids.pieces
        new = sum(len(piece) for piece in pieces if self._store.email_columns.get(piece) is None)
        return SCAN * len(self._scope.uids) + LOAD * new

    # Messages from emails

    async def places(self, emails: Collection[int]) -> Mask:
        """The messages that are one of these emails."""
        if not emails:
            return masks.NONE
        if FEW * len(emails) < self.scanning():
            return await self._asked(list(emails))
        wanted = emails if isinstance(emails, set | frozenset) else set(emails)
        marked = []
        for at in range(len(self._scope.uids.pieces)):
            marked.append(bytes(map(wanted.__contains__, (await self.piece(at)).emails)))
            await self._turns.take()
        return int.from_bytes(b"".join(marked), "little")

    async def _asked(self, emails: list[int]) -> Mask:
        found: list[int] = []
        uids = self._scope.uids
        for start in range(0, len(emails), ASKED):
            some = emails[start : start + ASKED]
            for uid in await self._store.read(self._scope.account, _uids_of, self._scope, some):
                place = uids.place(uid)
                if place < len(uids) and uids[place] == uid:
                    found.append(place)
            await self._turns.take()
        return masks.of_indices(found, len(uids))

    async def marked(self, snapshot: Snapshot, marks: Marks) -> Mask:
        """The messages whose ranks are marked."""
        count = marks.count(1)
        if not count:
            return masks.NONE
        if FEW * count < self.scanning():
            return await self._asked(snapshot.emails_of(marks).tolist())
        out = []
        padded = marks + b"\0"  # what has no rank has -1, the last one
        for at, uids in enumerate(self._scope.uids.pieces):
            ranks = await self._ranked(at, snapshot)
            if ranks.numbers is None:
                out.append(bytes(marks[ranks.start : ranks.start + len(uids)]))
            else:
                out.append(bytes(map(padded.__getitem__, ranks.numbers)))
            await self._turns.take()
        return int.from_bytes(b"".join(out), "little")

    # Emails from messages

    async def each(self, wanted: Mask) -> list[int]:
        """The email of each of these messages, in their order; 0 for one that is not there any more."""
        out: list[int] = []
        for at, marked in self._marked_pieces(wanted):
            out += compress((await self.piece(at)).emails, marked)
            await self._turns.take()
        return out

    async def emails(self, wanted: Mask) -> set[int]:
        """The emails of these messages."""
        out: set[int] = set()
        for at, marked in self._marked_pieces(wanted):
            out.update(compress((await self.piece(at)).emails, marked))
            await self._turns.take()
        out.discard(0)
        return out

    async def marks(self, snapshot: Snapshot, wanted: Mask) -> Marks:
        """The ranks of these messages."""
        total = snapshot.starts[-1]
        out = bytearray(total + 1)
        for at, marked in self._marked_pieces(wanted):
            ranks = await self._ranked(at, snapshot)
            if ranks.numbers is None:
                here = slice(ranks.start, ranks.start + len(marked))
                both = int.from_bytes(out[here], "little") | int.from_bytes(marked, "little")
                out[here] = both.to_bytes(len(marked), "little")
            else:
                for rank in compress(ranks.numbers, marked):
                    out[rank] = 1
            await self._turns.take()
        del out[total:]
        return out

    def _marked_pieces(self, wanted: Mask) -> list[tuple[int, bytes]]:
        """Those in which a message is wanted, with which are."""
        starts = self._scope.uids.starts
        octets = wanted.to_bytes(starts[-1], "little")
        pieces = [(at, octets[start:stop]) for at, (start, stop) in enumerate(pairwise(starts))]
        return [(at, marked) for at, marked in pieces if 1 in marked]


def _aligned(tx: Tx, scope: Scope, uids: array[int]) -> array[int]:
    access.require(tx, scope.actor, scope.mailbox, READ)
    # As two texts: rows of numbers, an object each, take three times as long.
    found, emails = tx.rows(
        "SELECT string_agg(CAST(uid AS TEXT), ','), string_agg(CAST(email AS TEXT), ',')"
        " FROM (SELECT uid, email FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
        " ORDER BY uid) AS some",
        *(tx.account, scope.mailbox, uids[0], uids[-1]),
    )[0]
    known = _numbers(f"[{found or ''}]")
    aligned = array("Q", _numbers(f"[{emails or ''}]"))
    if array("I", known) == uids:
        return aligned
    of_uid = dict(zip(known, aligned))
    return array("Q", [of_uid.get(uid, 0) for uid in uids])


def _uids_of(tx: Tx, scope: Scope, emails: list[int]) -> list[int]:
    access.require(tx, scope.actor, scope.mailbox, READ)
    return [
        uid
        for email in emails
        for (uid,) in tx.rows(
            "SELECT m.uid FROM arrival a CROSS JOIN message m WHERE a.account = ? AND a.email = ?"
            " AND a.mailbox = ? AND m.account = a.account AND m.mailbox = a.mailbox AND m.uid = a.uid",
            *(tx.account, email, scope.mailbox),
        )
    ]
