"""What a searching command may be asked to return, and the ESEARCH response that returns it.

Return options and response are the same for SEARCH (RFC 9051 6.4.4), for SORT where results stand in the
order asked for (RFC 5267 3.1), and for searches of several mailboxes (RFC 7377 2.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pillarbox.imap.wire.fetch import FetchItems, parse_items
from pillarbox.imap.wire.limits import LIST_OPTIONS
from pillarbox.imap.wire.partial import Range, parse_range
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search_key import threading_algorithm
from pillarbox.imap.wire.strings import Kind, mailbox, quoted
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import Runs
from pillarbox.model.numbers import text as set_text
from pillarbox.model.threading import Algorithm


class ReturnOption(Enum):
    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"  # RFC 9051 6.4.4.1
    PARTIAL = "PARTIAL"  # RFC 9394 3.1
    CONTEXT = "CONTEXT"  # RFC 5267 4.2
    UPDATE = "UPDATE"  # RFC 5267 4.3
    RELEVANCY = "RELEVANCY"  # RFC 6203 4


@dataclass(frozen=True, slots=True)
class Returning:
    """RETURN (...). `partial` is there when PARTIAL is among the options. `items`: what UPDATE is to fetch of
    new messages (RFC 5465 7). `threading`: what keys about threads go by (draft-ietf-morg-inthread 3.5)."""

    options: frozenset[ReturnOption]
    partial: Range | None = None
    items: FetchItems | None = None
    threading: Algorithm = Algorithm.REFS

    def __contains__(self, option: ReturnOption) -> bool:
        return option in self.options


EVERYTHING = Returning(frozenset((ReturnOption.ALL,)))


@dataclass(frozen=True, slots=True)
class Esearch:
    """`* ESEARCH (TAG "a1") UID MIN 2 ...` (RFC 9051 7.3.4): None leaves an item out, and so does an
    empty `all`. `source`: the name and UIDVALIDITY of the mailbox, told by the ESEARCH command alone
    (RFC 7377 2.1). `partial`: the page asked for and what is on it (RFC 9394 3.1).

    Results of SORT are in its order, so their runs need not ascend, but each in itself does (RFC 5267 3.2).
    """

    tag: bytes
    uid: bool = False
    least: int | None = None
    greatest: int | None = None
    all: Runs | None = None
    count: int | None = None
    partial: tuple[Range, Runs] | None = None
    modseq: int | None = None  # RFC 4731 3.2
    source: tuple[str, int] | None = None
    relevancy: Sequence[int] | None = None  # aligned with the results that are told (RFC 6203 4)


# What is put into a list of results or taken out of it, each with the position where that begins, counted
# from 1; 0 stands for wherever it belongs in mailbox order (RFC 5267 4.3.3, 4.3.4).
Moves = tuple[tuple[int, Runs], ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """How the results of an earlier command, which asked for UPDATE, have changed (RFC 5267 4.3.2)."""

    tag: bytes
    uid: bool = False
    removed: Moves = ()
    added: Moves = ()
    source: tuple[str, int] | None = None


def maybe_returning(reader: Reader) -> Returning | None:
    """[SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"]"""
    if not reader.maybe_token(b" RETURN "):
        return None
    if reader.maybe(b"()"):
        return EVERYTHING  # RFC 9051 6.4.4
    partial: Range | None = None
    items: FetchItems | None = None
    threading: Algorithm | None = None

    def option() -> ReturnOption | None:
        nonlocal partial, items, threading
        word = reader.word("A result option")
        if word.startswith("THREAD="):
            if threading is not None:
                reader.fail("THREAD= once")
            threading = threading_algorithm(word.removeprefix("THREAD="))
            return None
        if word == "PARTIAL":
            if partial is not None:
                reader.fail("PARTIAL once")
            reader.space()
            partial = parse_range(reader)
        elif word == "UPDATE" and reader.rest().startswith(b" ("):
            reader.space()
            items = parse_items(reader)
        try:
            return ReturnOption(word)
        except ValueError:
            known = ", ".join(option.value for option in ReturnOption)
            raise PeerSyntax(f"RETURN knows {known}") from None

    named = frozenset(reader.listed(option, LIST_OPTIONS, "result options"))
    options = frozenset([one for one in named if one is not None]) or EVERYTHING.options
    if partial is not None and ReturnOption.ALL in options:
        raise PeerSyntax("PARTIAL and ALL exclude each other")  # RFC 9394 3.1
    return Returning(options, partial, items, threading or Algorithm.REFS)


def encode_esearch(response: Esearch, kind: Kind) -> bytes:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)"""
    line = _head(response, kind)
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
    if response.relevancy is not None:
        # RFC 6203 7: "RELEVANCY" SP "(" [score *(SP score)] ")"
        line += f" RELEVANCY ({' '.join(map(str, response.relevancy))})".encode("ascii")
    if response.modseq is not None:
        line += b" MODSEQ %d" % response.modseq
    return line + b"\r\n"


def encode_updated(response: Updated, kind: Kind) -> bytes:
    """ret-data-addto = "ADDTO" SP "(" context-position SP sequence-set *(SP context-position SP sequence-set)
    ")", and the same for REMOVEFROM, which comes first"""
    line = _head(response, kind)
    for name, moves in ((b"REMOVEFROM", response.removed), (b"ADDTO", response.added)):
        if moves:
            line += b" %b (%b)" % (
                name,
                " ".join([f"{position} {set_text(runs)}" for position, runs in moves]).encode("ascii"),
            )
    return line + b"\r\n"


def _head(response: Esearch | Updated, kind: Kind) -> bytes:
    line = b"* ESEARCH (TAG %b" % quoted(response.tag)
    if response.source is not None:
        name, uidvalidity = response.source
        line += b" MAILBOX %b UIDVALIDITY %d" % (mailbox(name, kind), uidvalidity)
    return line + (b") UID" if response.uid else b")")
