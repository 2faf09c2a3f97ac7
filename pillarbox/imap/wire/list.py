"""LIST with the extended syntax, LSUB, STATUS (RFC 9051 6.3.9, 6.3.11; RFC 3501 6.3.9; RFC 5258)."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from pillarbox.imap.wire.limits import LIST_OPTIONS, LIST_PATTERNS, STATUS_ITEMS
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind, mailbox, quoted
from pillarbox.model.errors import PeerSyntax

Option = TypeVar("Option", bound=Enum)


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
    OBJECTID = "OBJECTID"  # draft-ietf-mailmaint-imap-objectid-bis 7.4
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
    """`* STATUS`: the values in the order asked. A `str` stands in parentheses (MAILBOXID, OBJECTID), None
    is NIL."""

    mailbox: str
    values: tuple[tuple[StatusItem, int | str | None], ...]


def parse_list(reader: Reader) -> List:
    """list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
    reader.space()
    select: frozenset[SelectOption] = frozenset()
    extended = False
    if reader.peek() == b"(":
        extended = True
        select = _select_options(reader)
        reader.space()
    reference = reader.reference()
    reader.space()
    if reader.peek() == b"(":
        # RFC 5258 3: patterns = "(" list-mailbox *(SP list-mailbox) ")"
        extended = True
        patterns = tuple(reader.listed(reader.pattern, LIST_PATTERNS, "patterns"))
    else:
        patterns = (reader.pattern(),)
    returns: frozenset[ReturnOption] = frozenset()
    status: tuple[StatusItem, ...] = ()
    if reader.maybe(b" "):
        extended = True
        if reader.word("RETURN") != "RETURN":
            reader.fail("RETURN")
        reader.space()
        returns, status = _return_options(reader)
    return List(reference, patterns, select, returns, status, extended)


def parse_lsub(reader: Reader) -> Lsub:
    reader.space()
    reference = reader.reference()
    reader.space()
    return Lsub(reference, reader.pattern())


def parse_status(reader: Reader) -> Status:
    reader.space()
    mailbox = reader.mailbox()
    reader.space()
    return Status(mailbox, _status_items(reader))


def _select_options(reader: Reader) -> frozenset[SelectOption]:
    if reader.maybe(b"()"):
        return frozenset()
    words = reader.listed(lambda: reader.word("A selection option"), LIST_OPTIONS, "selection options")
    options = frozenset(_known(SelectOption, word) for word in words)
    if SelectOption.RECURSIVEMATCH in options and options <= {
        SelectOption.RECURSIVEMATCH,
        SelectOption.REMOTE,
    }:
        # RFC 9051 6.3.9.1: a modifier needs something to modify.
        raise PeerSyntax("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it")
    return options


def _return_options(reader: Reader) -> tuple[frozenset[ReturnOption], tuple[StatusItem, ...]]:
    status: tuple[StatusItem, ...] = ()
    if reader.maybe(b"()"):
        return frozenset(), status

    def option() -> ReturnOption | None:
        nonlocal status
        word = reader.word("A return option")
        if word != "STATUS":
            return _known(ReturnOption, word)
        reader.space()
        status = _status_items(reader)
        return None

    found = reader.listed(option, LIST_OPTIONS, "return options")
    return frozenset(one for one in found if one), status


def _status_items(reader: Reader) -> tuple[StatusItem, ...]:
    words = reader.listed(lambda: reader.word("A STATUS item"), STATUS_ITEMS, "STATUS items")
    return tuple(dict.fromkeys(_known(StatusItem, word) for word in words))


def _known(options: type[Option], word: str) -> Option:
    """RFC 5258 3: an option that the server does not know is answered BAD."""
    try:
        return options(word)
    except ValueError:
        raise PeerSyntax(f"{word[:40]} is not known here") from None


def encode_listed(response: Listed, kind: Kind) -> bytes:
    """mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    [SP mbox-list-extended]"""
    separator = b"NIL" if response.separator is None else quoted(response.separator.encode("ascii"))
    name = b"LSUB" if response.lsub else b"LIST"
    attributes = " ".join(response.attributes).encode("ascii")
    line = b"* %b (%b) %b %b" % (name, attributes, separator, mailbox(response.mailbox, kind))
    extended = []
    if response.child_info:
        # childinfo-extended-item: the options are quoted here, unlike in the command.
        options = " ".join(f'"{option.value}"' for option in response.child_info).encode("ascii")
        extended.append(b'"CHILDINFO" (%b)' % options)
    if response.old_name is not None:
        extended.append(b'"OLDNAME" (%b)' % mailbox(response.old_name, kind))
    if extended:
        line += b" (" + b" ".join(extended) + b")"
    return line + b"\r\n"


def encode_mailbox_status(response: MailboxStatus, kind: Kind) -> bytes:
    values = " ".join(f"{item.value} {_status_value(value)}" for item, value in response.values)
    return b"* STATUS %b (%b)\r\n" % (mailbox(response.mailbox, kind), values.encode("ascii"))


def _status_value(value: int | str | None) -> str:
    if value is None:
        return "NIL"
    return f"({value})" if isinstance(value, str) else str(value)
