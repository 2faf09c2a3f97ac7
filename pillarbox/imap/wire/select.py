"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT (RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 3501 6.4.1)."""

from dataclasses import dataclass

from pillarbox.model.numbers import Ranges


@dataclass(frozen=True, slots=True)
class Qresync:
    """`QRESYNC (uidvalidity modseq [known-uids [(numbers uids)]])` of RFC 7162 3.2.5."""

    uidvalidity: int
    modseq: int
    known: Ranges = ()
    match_numbers: Ranges = ()
    match_uids: Ranges = ()


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE when `read_only`. The parameters are data: whether they are offered is not
    decided here."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: Qresync | None = None


@dataclass(frozen=True, slots=True)
class Check:
    pass


@dataclass(frozen=True, slots=True)
class Close:
    pass


@dataclass(frozen=True, slots=True)
class Unselect:
    pass


@dataclass(frozen=True, slots=True)
class Flags:
    """`* FLAGS (...)`: the flags that exist in the mailbox."""

    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    """RFC 3501 7.3.2; never sent to a client that enabled IMAP4rev2."""

    count: int
