"""CAPABILITY, NOOP, ENABLE, NAMESPACE (RFC 9051 6.1, 6.3.1, 6.3.10) and ID (RFC 2971)."""

from dataclasses import dataclass

from pillarbox.imap.wire import mailbox_name
from pillarbox.imap.wire.limits import ID_FIELDS
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind, nstring, quoted, string
from pillarbox.model.names import SEPARATOR


@dataclass(frozen=True, slots=True)
class Capability:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Enable:
    """The capability names in capitals, known or not: RFC 9051 6.3.1 has unknown ones ignored."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    pass


@dataclass(frozen=True, slots=True)
class Id:
    """`fields` is what the client says about itself, () for NIL."""

    fields: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`* CAPABILITY ...`; the same list as a response code is `response.CapabilityCode`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enabled:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """`* NAMESPACE personal others shared`: each a tuple of prefixes, () = NIL. The prefix is a mailbox
    name and spelled like one; the separator is the same everywhere."""

    personal: tuple[str, ...]
    others: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerId:
    """`* ID (...)`: what the server says about itself; () = NIL."""

    fields: tuple[tuple[str, str | None], ...] = ()


def parse_capability(reader: Reader) -> Capability:
    return Capability()


def parse_noop(reader: Reader) -> Noop:
    return Noop()


def parse_namespace(reader: Reader) -> Namespace:
    return Namespace()


def parse_enable(reader: Reader) -> Enable:
    """enable = "ENABLE" 1*(SP capability)"""
    reader.space()
    names = [reader.word("A capability name")]
    while reader.maybe(b" "):
        names.append(reader.word("A capability name"))
    return Enable(tuple(names))


def parse_id(reader: Reader) -> Id:
    """id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / nil)   (RFC 2971 4)"""
    reader.space()
    if reader.maybe(b"()") or (reader.peek() != b"(" and reader.nstring("NIL or a list of fields") is None):
        return Id()

    def field() -> tuple[str, str | None]:
        name = reader.string("A field name")
        reader.space()
        value = reader.nstring("A field value or NIL")
        # Said for the log alone, so a wrong charset is no reason to turn the client away.
        return name.decode("utf-8", "replace"), None if value is None else value.decode("utf-8", "replace")

    return Id(tuple(reader.listed(field, ID_FIELDS, "fields")))


def encode_capabilities(response: Capabilities, kind: Kind) -> bytes:
    return f"* CAPABILITY {' '.join(response.names)}\r\n".encode("ascii")


def encode_enabled(response: Enabled, kind: Kind) -> bytes:
    return " ".join(("* ENABLED", *response.names)).encode("ascii") + b"\r\n"


def encode_namespaces(response: Namespaces, kind: Kind) -> bytes:
    groups = (response.personal, response.others, response.shared)
    return b"* NAMESPACE %b %b %b\r\n" % tuple(_namespace(prefixes, kind) for prefixes in groups)


def encode_server_id(response: ServerId, kind: Kind) -> bytes:
    if not response.fields:
        return b"* ID NIL\r\n"
    words = [
        nstring(None if word is None else word.encode("utf-8"), kind)
        for pair in response.fields
        for word in pair
    ]
    return b"* ID (" + b" ".join(words) + b")\r\n"


def _namespace(prefixes: tuple[str, ...], kind: Kind) -> bytes:
    """namespace = nil / "(" 1*namespace-descr ")" """
    if not prefixes:
        return b"NIL"
    separator = quoted(SEPARATOR.encode("ascii"))
    spelled = [string(mailbox_name.encode(prefix, kind.utf8), kind) for prefix in prefixes]
    return b"(" + b"".join(b"(%b %b)" % (prefix, separator) for prefix in spelled) + b")"
