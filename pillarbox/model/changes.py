"""What happened to a mailbox between two mod-sequences, as plain data."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import IntEnum

from pillarbox.model.numbers import Runs


class ChangeKind(IntEnum):
    """`change.kind` in the schema. A change row may over-report; the rows it points at decide."""

    NEW = 1
    FLAGS = 2
    GONE = 3
    SEEN = 4
    ANNOTATION = 5


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
    known: then the caller starts again from a whole `Columns`.
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


@dataclass(frozen=True, slots=True)
class Columns:
    """A mailbox as of `modseq`: aligned arrays, ascending by UID. Immutable by convention and shared by
    all sessions of a worker: replace it, never write into it."""

    mailbox: int
    modseq: int
    uids: array[int]  # typecode I
    flag_sets: array[int]  # typecode H, ids of interned flag sets
    modseqs: array[int]  # typecode Q
