"""LIST with the extended syntax, LSUB, STATUS (RFC 9051 6.3.9, 6.3.11; RFC 3501 6.3.9; RFC 5258)."""

from dataclasses import dataclass
from enum import Enum


class SelectOption(Enum):
    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"  # RFC 6154 2


class ReturnOption(Enum):
    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"


class StatusItem(Enum):
    MESSAGES = "MESSAGES"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    RECENT = "RECENT"  # RFC 3501 6.3.10
    SIZE = "SIZE"
    DELETED = "DELETED"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"  # RFC 7162 3.1.7
    MAILBOXID = "MAILBOXID"  # RFC 8474 4.3
    APPENDLIMIT = "APPENDLIMIT"  # RFC 7889 3.2


@dataclass(frozen=True, slots=True)
class List:
    """LIST. Patterns keep their wildcards and have the reference not yet joined.

    `extended`: some part of the extended syntax was used, so an empty pattern is a pattern and no longer
    the question for the separator (RFC 9051 6.3.9).
    """

    reference: str
    patterns: tuple[str, ...]
    select: frozenset[SelectOption] = frozenset()
    returns: frozenset[ReturnOption] = frozenset()
    status: tuple[StatusItem, ...] = ()
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Lsub:
    reference: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """`* LIST` (or `* LSUB`) of one mailbox. `separator` None is spelled NIL.

    `old_name`: OLDNAME of RFC 9051 6.3.9.7. `child_info`: CHILDINFO, the selection options that some
    child matches (RFC 9051 6.3.9.6).
    """

    mailbox: str
    attributes: tuple[str, ...] = ()
    separator: str | None = "/"
    old_name: str | None = None
    child_info: tuple[SelectOption, ...] = ()
    lsub: bool = False


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """`* STATUS`: the values in the order asked. A `str` is an object id (MAILBOXID), None is NIL."""

    mailbox: str
    values: tuple[tuple[StatusItem, int | str | None], ...]
