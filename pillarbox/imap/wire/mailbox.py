"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8; RFC 6154 3)."""

from dataclasses import dataclass

from pillarbox.imap.wire.limits import MAX_USES
from pillarbox.imap.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Create:
    """`uses`: the attributes of `(USE (...))` as the client spelled them; one that the server does not
    know is refused with [USEATTR], not a syntax error (RFC 6154 3). `old_name`: see `Reader`."""

    mailbox: str
    uses: tuple[str, ...] = ()
    old_name: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str
    old_name: str | None = None  # of the target


@dataclass(frozen=True, slots=True)
class Subscribe:
    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    mailbox: str


def parse_create(reader: Reader) -> Create:
    """create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]   (RFC 6154 6)"""
    reader.space()
    mailbox, old_name = reader.mailbox_and_old_name()
    if not reader.maybe(b" "):
        return Create(mailbox, (), old_name)
    reader.expect(b"(")
    if reader.word("USE") != "USE":
        reader.fail("USE")
    reader.space()
    uses = () if reader.maybe(b"()") else tuple(reader.listed(lambda: _use(reader), MAX_USES, "special uses"))
    reader.expect(b")")
    return Create(mailbox, uses, old_name)


def _use(reader: Reader) -> str:
    if reader.peek() != b"\\":
        reader.fail("A special-use attribute")
    return reader.flag()


def parse_delete(reader: Reader) -> Delete:
    reader.space()
    return Delete(reader.mailbox())


def parse_rename(reader: Reader) -> Rename:
    reader.space()
    source = reader.mailbox()
    reader.space()
    return Rename(source, *reader.mailbox_and_old_name())


def parse_subscribe(reader: Reader) -> Subscribe:
    reader.space()
    return Subscribe(reader.mailbox())


def parse_unsubscribe(reader: Reader) -> Unsubscribe:
    reader.space()
    return Unsubscribe(reader.mailbox())
