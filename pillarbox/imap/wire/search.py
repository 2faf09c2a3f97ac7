"""SEARCH and UID SEARCH (RFC 9051 6.4.4; RFC 3501 6.4.4) and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pillarbox.imap.wire.limits import LIST_OPTIONS
from pillarbox.imap.wire.partial import Range, parse_range
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search_key import codec_of, parse_program
from pillarbox.imap.wire.strings import Kind, quoted
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import Runs
from pillarbox.model.numbers import text as set_text
from pillarbox.model.search import Key, leaves


class ReturnOption(Enum):
    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"  # RFC 9051 6.4.4.1
    PARTIAL = "PARTIAL"  # RFC 9394 3.1


@dataclass(frozen=True, slots=True)
class Search:
    """`returns` is None without RETURN; `RETURN ()` has become {ALL} (RFC 9051 6.4.4). Needles are
    decoded; `charset` is only told for the record ("" when none was named). `partial` is there when
    PARTIAL is among `returns`."""

    key: Key
    uid: bool = False
    returns: frozenset[ReturnOption] | None = None
    charset: str = ""
    partial: Range | None = None

    def mentions(self, key: type[Key]) -> bool:
        return any(isinstance(one, key) for one in leaves(self.key))


@dataclass(frozen=True, slots=True)
class Found:
    """`* SEARCH 2 84 882` (RFC 3501 7.2.5); never sent to a client that enabled IMAP4rev2. `modseq`: the
    greatest of those found, when the search asked for mod-sequences (RFC 7162 3.1.6)."""

    numbers: Sequence[int]
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Esearch:
    """`* ESEARCH (TAG "a1") UID MIN 2 ...` (RFC 9051 7.3.4): None leaves an item out, and so does an
    empty `all`. `partial`: the page asked for and what is on it (RFC 9394 3.1)."""

    tag: bytes
    uid: bool = False
    least: int | None = None
    greatest: int | None = None
    all: Runs | None = None
    count: int | None = None
    partial: tuple[Range, Runs] | None = None
    modseq: int | None = None  # RFC 4731 3.2


def parse_search(reader: Reader, *, uid: bool = False) -> Search:
    """search = "SEARCH" [SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"] SP
    ["CHARSET" SP charset SP] search-key *(SP search-key)

    Besides `PeerSyntax`, the one `Refused` of this room comes from here: [BADCHARSET].
    """
    returns, partial = None, None
    if reader.maybe_token(b" RETURN "):
        returns, partial = _returns(reader)
    charset = ""
    codec = "utf-8"  # RFC 9051 6.4.4: when nothing is said; US-ASCII is part of it
    if reader.maybe_token(b" CHARSET "):
        charset = reader.text(reader.astring("A charset name"), "The charset name").upper()
        codec = codec_of(charset)
    reader.space()
    return Search(parse_program(reader, codec), uid, returns, charset, partial)


def _returns(reader: Reader) -> tuple[frozenset[ReturnOption], Range | None]:
    if reader.maybe(b"()"):
        return frozenset((ReturnOption.ALL,)), None
    partial: Range | None = None

    def option() -> ReturnOption:
        nonlocal partial
        word = reader.word("A result option")
        if word == "PARTIAL":
            if partial is not None:
                reader.fail("PARTIAL once")
            reader.space()
            partial = parse_range(reader)
        try:
            return ReturnOption(word)
        except ValueError:
            known = ", ".join(option.value for option in ReturnOption)
            raise PeerSyntax(f"SEARCH RETURN knows {known}") from None

    options = frozenset(reader.listed(option, LIST_OPTIONS, "result options"))
    if partial is not None and ReturnOption.ALL in options:
        raise PeerSyntax("PARTIAL and ALL exclude each other")  # RFC 9394 3.1
    return options, partial


def encode_found(response: Found, kind: Kind) -> bytes:
    """obsolete-search-response = "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]"""
    modseq = b"" if response.modseq is None else b" (MODSEQ %d)" % response.modseq
    return " ".join(("* SEARCH", *map(str, response.numbers))).encode("ascii") + modseq + b"\r\n"


def encode_esearch(response: Esearch, kind: Kind) -> bytes:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)"""
    line = b"* ESEARCH (TAG %b)" % quoted(response.tag)
    if response.uid:
        line += b" UID"
    if response.least is not None:
        line += b" MIN %d" % response.least
    if response.greatest is not None:
        line += b" MAX %d" % response.greatest
    # RFC 9051 7.3.4: no match, no ALL; the set itself cannot be empty.
    if response.all:
        line += b" ALL " + set_text(response.all).encode("ascii")
    if response.count is not None:
        line += b" COUNT %d" % response.count
    if response.partial is not None:
        asked, found = response.partial
        # RFC 9394 3.1: a page beyond the results is NIL.
        page = set_text(found).encode("ascii") or b"NIL"
        line += b" PARTIAL (%d:%d %b)" % (asked.first, asked.last, page)
    if response.modseq is not None:
        line += b" MODSEQ %d" % response.modseq
    return line + b"\r\n"
