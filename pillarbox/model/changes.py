"""What happened to a mailbox between two mod-sequences, as plain data."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from pillarbox.model import column
from pillarbox.model.column import Column, cut, starts_of
from pillarbox.model.numbers import Runs

SPARSE = 8  # pieces more than twice as many as could do, before they are packed again


class ChangeKind(IntEnum):
    """`change.kind` in the schema. A change row may over-report; the rows it points at decide."""

    NEW = 1
    FLAGS = 2
    GONE = 3
    SEEN = 4
    ANNOTATION = 5
    KEY = 6  # of no message: a user's key for URLs of the mailbox (RFC 4467 2.2)


class BurialCause(IntEnum):
    """`buried.cause` in the schema."""

    EXPUNGE = 1
    MOVE = 2
    MAILBOX_DELETED = 3
    RETENTION = 4


@dataclass(frozen=True, slots=True)
class Delta:
    """A mailbox's way from one mod-sequence to `modseq`.

    `new_uids`/`new_flag_sets`/`new_modseqs` are aligned and ascending by UID; so are the `changed_*`
    (messages that existed before and whose flags moved). `gone` holds the UIDs expunged meanwhile; it
    never names a UID that came and went in between. `complete` is False when the way is too old to be
    known: then the caller starts again from a whole `Columns`. `keyed`: the reader's key for URLs of the
    mailbox is another one, or gone.
    """

    modseq: int
    new_uids: array[int]
    new_flag_sets: array[int]
    new_modseqs: array[int]
    changed_uids: array[int]
    changed_flag_sets: array[int]
    changed_modseqs: array[int]
    gone: Runs
    complete: bool = True
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Aligned columns of some messages, ascending by UID."""

    uids: array[int]  # typecode I
    flag_sets: array[int]  # typecode H, ids of interned flag sets
    modseqs: array[int]  # typecode Q

    def part(self, start: int, stop: int) -> Rows:
        return Rows(self.uids[start:stop], self.flag_sets[start:stop], self.modseqs[start:stop])


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Columns:
    """A mailbox as of `modseq`: aligned columns, ascending by UID. They never change, and are shared by
    all sessions of a worker; `edited` makes others."""

    mailbox: int
    modseq: int
    uids: Column
    flag_sets: Column
    modseqs: Column

    @classmethod
    def joined(cls, mailbox: int, modseq: int, parts: Iterable[Rows]) -> Columns:
        """One part after the other; a part of at most `PIECE` messages is not copied."""
        uids, flag_sets, modseqs = [], [], []
        for rows in parts:
            uids += cut(rows.uids)
            flag_sets += cut(rows.flag_sets)
            modseqs += cut(rows.modseqs)
        return cls(mailbox, modseq, *_aligned(uids, flag_sets, modseqs))

    def rows(self, start: int, stop: int) -> Rows:
        return Rows(self.uids[start:stop], self.flag_sets[start:stop], self.modseqs[start:stop])

    def piece(self, at: int) -> Rows:
        return Rows(self.uids.pieces[at], self.flag_sets.pieces[at], self.modseqs.pieces[at])

    def edited(self, modseq: int, edits: Mapping[int, Rows]) -> Columns:
        """Other messages in place of the pieces with these numbers; the number after the last adds some."""
        if not edits:
            return Columns(self.mailbox, modseq, self.uids, self.flag_sets, self.modseqs)
        uids, flag_sets, modseqs = (
            list(self.uids.pieces),
            list(self.flag_sets.pieces),
            list(self.modseqs.pieces),
        )
        moved = False
        for at in sorted(edits, reverse=True):
            rows = edits[at]
            moved = moved or at == len(uids) or rows.uids is not uids[at]
            uids[at : at + 1] = cut(rows.uids)
            flag_sets[at : at + 1] = cut(rows.flag_sets)
            modseqs[at : at + 1] = cut(rows.modseqs)
        if not moved:
            starts = self.uids.starts
            flags, sequences = Column("H", tuple(flag_sets), starts), Column("Q", tuple(modseqs), starts)
            return Columns(self.mailbox, modseq, self.uids, flags, sequences)
        made = Columns(self.mailbox, modseq, *_aligned(uids, flag_sets, modseqs))
        if len(uids) > SPARSE + 2 * len(made.uids) // column.PIECE:
            return Columns.joined(self.mailbox, modseq, [made.rows(0, len(made.uids))])
        return made


def _aligned(
    uids: list[array[int]], flag_sets: list[array[int]], modseqs: list[array[int]]
) -> tuple[Column, Column, Column]:
    starts = starts_of(uids)
    return (
        Column("I", tuple(uids), starts),
        Column("H", tuple(flag_sets), starts),
        Column("Q", tuple(modseqs), starts),
    )
