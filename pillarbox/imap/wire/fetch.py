"""FETCH and UID FETCH (RFC 9051 6.4.5). How its answer is rendered is `fetch_plan`."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from pillarbox.imap.wire.limits import FETCH_ITEMS, NUMBER, NUMBER64, SECTION_DEPTH
from pillarbox.imap.wire.partial import Range, parse_range
from pillarbox.imap.wire.reader import MEMO_LENGTH, Numbers, Reader
from pillarbox.imap.wire.strings import REV1, astring
from pillarbox.message.section import Section
from pillarbox.message.section import What as SectionWhat
from pillarbox.model.errors import PeerSyntax

# What an item asks for. "BODY" and "BODYSTRUCTURE" are structure; "SECTION" is BODY[...] and BODY.PEEK[...]
# and what RFC 3501 calls RFC822, RFC822.HEADER, RFC822.TEXT; EMAILID, THREADID: RFC 8474 5; OBJECTID: both
# (draft-ietf-mailmaint-imap-objectid-bis 7.5); SAVEDATE: RFC 8514 4; PREVIEW: RFC 8970 3; MODSEQ: RFC 7162
# 3.1.4.
What = Literal[
    "UID",
    "FLAGS",
    "INTERNALDATE",
    "RFC822.SIZE",
    "ENVELOPE",
    "BODY",
    "BODYSTRUCTURE",
    "SECTION",
    "BINARY",
    "BINARY.SIZE",
    "MODSEQ",
    "EMAILID",
    "THREADID",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
]


@dataclass(frozen=True, slots=True)
class Partial:
    """`<first.count>`: octets of the section from `first` on, at most `count`."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Item:
    """One fetch-att. `label` is how the response names it, the origin octet of a partial included."""

    what: What
    label: bytes
    section: Section | None = None
    partial: Partial | None = None
    seen: bool = False  # fetching it sets \Seen (RFC 9051 6.4.5: BODY[...] and BINARY[...] without PEEK)


@dataclass(frozen=True, slots=True)
class FetchItems:
    """Macros expanded, repeats dropped, in the client's order. `plans`: how `fetch_plan` answers them. It
    keeps them here, because to look for one by all that is asked would take longer than to use it."""

    items: tuple[Item, ...]
    asked: frozenset[What] = field(init=False, compare=False, repr=False)
    plans: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", frozenset(item.what for item in self.items))

    def ask_for(self, what: What) -> bool:
        return what in self.asked


@dataclass(frozen=True, slots=True)
class Fetch:
    """`changed_since` and `vanished` are the modifiers of RFC 7162 3.1.4.1 and 3.2.6, `partial` that of
    RFC 9394 3.3."""

    numbers: Numbers
    items: FetchItems
    uid: bool = False
    changed_since: int | None = None
    vanished: bool = False
    partial: Range | None = None


@dataclass(frozen=True, slots=True)
class _Arguments:
    """What stands behind the set: a client writes the same few of them again and again."""

    items: FetchItems
    changed_since: int | None = None
    vanished: bool = False
    partial: Range | None = None


def parse_fetch(reader: Reader, *, uid: bool = False) -> Fetch:
    """fetch = "FETCH" SP sequence-set SP (macro / fetch-att / "(" fetch-att *(SP fetch-att) ")")
    [SP fetch-modifiers]   (RFC 4466 2.4)"""
    reader.space()
    numbers = reader.numbers()
    reader.space()
    rest = reader.rest()
    if len(rest) <= MEMO_LENGTH and not rest.endswith(b"}"):
        try:
            said = remembered(rest, reader.utf8)
        except PeerSyntax:
            said = _arguments(reader)  # once more, to say where in the command
        else:
            reader.skip(rest)
    else:
        said = _arguments(reader)
    if said.vanished and not uid:
        raise PeerSyntax("VANISHED belongs to UID FETCH")  # RFC 7162 3.2.6
    if said.partial is not None and not uid:
        raise PeerSyntax("PARTIAL belongs to UID FETCH")  # RFC 9394 3.3
    return Fetch(numbers, said.items, uid, said.changed_since, said.vanished, said.partial)


@lru_cache(maxsize=256)
def remembered(rest: bytes, utf8: bool) -> _Arguments:
    """What `rest`, which stands behind the set and a space, means."""
    reader = Reader([rest], utf8)
    said = _arguments(reader)
    reader.end()
    return said


_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.]*")
_PART = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_LAZY = re.compile(rb" \(LAZY(?: LAZY)*\)", re.IGNORECASE)
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")
_TEXTS: dict[str, SectionWhat] = {
    "HEADER": "HEADER",
    "HEADER.FIELDS": "HEADER.FIELDS",
    "HEADER.FIELDS.NOT": "HEADER.FIELDS.NOT",
    "TEXT": "TEXT",
    "MIME": "MIME",
}


def _simple(what: What) -> Item:
    return Item(what, what.encode("ascii"))


_SIMPLE = {
    "UID": _simple("UID"),
    "FLAGS": _simple("FLAGS"),
    "INTERNALDATE": _simple("INTERNALDATE"),
    "RFC822.SIZE": _simple("RFC822.SIZE"),
    "ENVELOPE": _simple("ENVELOPE"),
    "BODYSTRUCTURE": _simple("BODYSTRUCTURE"),
    "MODSEQ": _simple("MODSEQ"),
    "EMAILID": _simple("EMAILID"),
    "THREADID": _simple("THREADID"),
    "OBJECTID": _simple("OBJECTID"),
    "SAVEDATE": _simple("SAVEDATE"),
    # RFC 3501 6.4.5: "functionally equivalent to BODY[]", and so on, but answered under their own names.
    "RFC822": Item("SECTION", b"RFC822", Section(), seen=True),
    "RFC822.HEADER": Item("SECTION", b"RFC822.HEADER", Section(what="HEADER")),
    "RFC822.TEXT": Item("SECTION", b"RFC822.TEXT", Section(what="TEXT"), seen=True),
}
_FAST = (_SIMPLE["FLAGS"], _SIMPLE["INTERNALDATE"], _SIMPLE["RFC822.SIZE"])
_MACROS = {
    "FAST": FetchItems(_FAST),
    "ALL": FetchItems((*_FAST, _SIMPLE["ENVELOPE"])),
    "FULL": FetchItems((*_FAST, _SIMPLE["ENVELOPE"], _simple("BODY"))),
}


def _arguments(reader: Reader) -> _Arguments:
    items = _items(reader)
    if not reader.maybe(b" "):
        return _Arguments(items)
    # RFC 4466 2.4: "(" fetch-modifier *(SP fetch-modifier) ")", in any order
    changed_since = None
    vanished = False
    partial = None
    reader.expect(b"(")
    while True:
        modifier = reader.word("A FETCH modifier")
        if modifier == "CHANGEDSINCE" and changed_since is None:
            reader.space()
            changed_since = reader.nz_number64("A mod-sequence")
        elif modifier == "VANISHED" and not vanished:
            vanished = True
        elif modifier == "PARTIAL" and partial is None:
            reader.space()
            partial = parse_range(reader)
        else:
            reader.fail("CHANGEDSINCE, VANISHED or PARTIAL, once,")
        if not reader.maybe(b" "):
            break
    reader.expect(b")")
    if vanished and changed_since is None:
        raise PeerSyntax("VANISHED needs CHANGEDSINCE")
    return _Arguments(items, changed_since, vanished, partial)


def _items(reader: Reader) -> FetchItems:
    if reader.peek() != b"(":
        name = reader.take(_NAME, "A FETCH item")[0].decode("ascii").upper()
        # RFC 3501 6.4.5: a macro stands alone.
        return _MACROS.get(name) or FetchItems((_item(reader, name),))
    return parse_items(reader)


def parse_items(reader: Reader) -> FetchItems:
    """ "(" fetch-att *(SP fetch-att) ")" """
    one_by_one = reader.listed(
        lambda: _item(reader, reader.take(_NAME, "A FETCH item")[0].decode("ascii").upper()),
        FETCH_ITEMS,
        "FETCH items",
    )
    by_label: dict[tuple[bytes, Partial | None], Item] = {}
    for item in one_by_one:
        known = by_label.setdefault((item.label, item.partial), item)
        if item.seen and not known.seen:  # BODY.PEEK[] and BODY[] of one section
            by_label[item.label, item.partial] = item
    return FetchItems(tuple(by_label.values()))


def _item(reader: Reader, name: str) -> Item:
    if simple := _SIMPLE.get(name):
        return simple
    match name:
        case "BODY" if reader.peek() != b"[":
            return _simple("BODY")
        case "BODY" | "BODY.PEEK":
            return _section(reader, seen=name == "BODY")
        case "BINARY" | "BINARY.PEEK":
            return _binary(reader, seen=name == "BINARY")
        case "BINARY.SIZE":
            path, spelled = _part(reader)
            return Item("BINARY.SIZE", b"BINARY.SIZE[%b]" % spelled, Section(path))
        case "PREVIEW":
            # RFC 8970 4.1: (LAZY) allows to answer NIL rather than to compute; ours are computed at arrival.
            # preview-mod *(SP preview-mod): the one there is may be repeated.
            reader.maybe_match(_LAZY)
            return _simple("PREVIEW")
    raise PeerSyntax(f"There is no FETCH item {name[:40]}")


def parse_section(written: bytes) -> Section:
    """A section-spec that stands alone, as in a URL (RFC 5092 6)."""
    reader = Reader([b"[%b]" % written])
    found = _section(reader, seen=False)
    reader.end()
    if found.partial is not None or found.section is None:
        raise PeerSyntax("A section ends with its bracket")
    return found.section


def _section(reader: Reader, *, seen: bool) -> Item:
    """section = "[" [section-msgtext / (section-part ["." section-text])] "]" """
    reader.expect(b"[")
    path, label = _path(reader)
    what: SectionWhat = ""
    fields: tuple[bytes, ...] = ()
    if not path or reader.maybe(b"."):
        found = reader.maybe_match(_NAME)
        if found:
            text = found.decode("ascii").upper()
            if text not in _TEXTS or (text == "MIME" and not path):
                reader.fail("A section of the message")
            what = _TEXTS[text]
            label += (b"." if path else b"") + text.encode("ascii")
            if what.startswith("HEADER.FIELDS"):
                reader.space()
                fields = tuple(
                    reader.listed(lambda: reader.astring("A field name"), FETCH_ITEMS, "field names")
                )
                label += b" (" + b" ".join(astring(field, REV1) for field in fields) + b")"
        elif path:
            reader.fail("A section of the part")
    reader.expect(b"]")
    return _partial(reader, Item("SECTION", b"BODY[%b]" % label, Section(path, what, fields), seen=seen))


def _binary(reader: Reader, *, seen: bool) -> Item:
    path, spelled = _part(reader)
    return _partial(reader, Item("BINARY", b"BINARY[%b]" % spelled, Section(path), seen=seen))


def _part(reader: Reader) -> tuple[tuple[int, ...], bytes]:
    """section-binary = "[" [section-part] "]" """
    reader.expect(b"[")
    path = _path(reader)
    reader.expect(b"]")
    return path


def _path(reader: Reader) -> tuple[tuple[int, ...], bytes]:
    written = reader.maybe_match(_PART)
    if not written:
        return (), b""
    path = tuple(map(int, written.split(b".")))
    if len(path) > SECTION_DEPTH or max(path) > NUMBER:
        raise PeerSyntax("No message has a part with such a number")
    return path, written


def _partial(reader: Reader, item: Item) -> Item:
    """partial = "<" number64 "." nz-number64 ">"; the answer names the first octet only (RFC 9051 7.5.2)."""
    if reader.peek() != b"<":
        return item
    found = reader.take(_PARTIAL, "A partial like <0.2048>")
    first, count = int(found[1]), int(found[2])
    if first > NUMBER64 or count > NUMBER64:
        raise PeerSyntax("A number in a partial is not a 63-bit number")
    return replace(item, label=item.label + b"<%d>" % first, partial=Partial(first, count))
