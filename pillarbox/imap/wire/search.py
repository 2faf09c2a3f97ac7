"""SEARCH and UID SEARCH (RFC 9051 6.4.4; RFC 3501 6.4.4). The ESEARCH response is in `esearch`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pillarbox.imap.wire.charset import codec_of
from pillarbox.imap.wire.digits import spaced
from pillarbox.imap.wire.esearch import Returning, maybe_returning
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search_key import parse_program
from pillarbox.imap.wire.strings import Kind
from pillarbox.model.search import Key, leaves
from pillarbox.model.threading import Algorithm

TOGETHER = 256  # numbers whose octets are remembered as one


@dataclass(frozen=True, slots=True)
class Search:
    """`returning` is None without RETURN. Needles are decoded; `charset` is only told for the record ("" when
    none was named)."""

    key: Key
    uid: bool = False
    returning: Returning | None = None
    charset: str = ""

    def mentions(self, key: type[Key]) -> bool:
        return any(isinstance(one, key) for one in leaves(self.key))


@dataclass(frozen=True, slots=True)
class Found:
    """`* SEARCH 2 84 882` (RFC 3501 7.2.5); never sent to a client that enabled IMAP4rev2. `modseq`: the
    greatest of those found, when the search asked for mod-sequences (RFC 7162 3.1.6). `stretches` of numbers
    that may, but need not, follow each other."""

    stretches: Sequence[Sequence[int]]
    modseq: int | None = None


def parse_search(reader: Reader, *, uid: bool = False) -> Search:
    """search = "SEARCH" [search-return-opts] SP ["CHARSET" SP charset SP] search-key *(SP search-key)

    Besides `PeerSyntax`, the one `Refused` of this room comes from here: [BADCHARSET].
    """
    returning = maybe_returning(reader)
    charset = ""
    codec = "utf-8"  # RFC 9051 6.4.4: when nothing is said; US-ASCII is part of it
    if reader.maybe_token(b" CHARSET "):
        charset = reader.text(reader.astring("A charset name"), "The charset name").upper()
        codec = codec_of(charset)
    reader.space()
    threading = Algorithm.REFS if returning is None else returning.threading
    return Search(parse_program(reader, codec, threading), uid, returning, charset)


def encode_found(response: Found, kind: Kind) -> bytes:
    """obsolete-search-response = "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]"""
    modseq = b"" if response.modseq is None else b" (MODSEQ %d)" % response.modseq
    numbers = [octets for stretch in response.stretches for octets in _numbers(stretch)]
    return b"* SEARCH" + b"".join(numbers) + modseq + b"\r\n"


def _numbers(numbers: Sequence[int]) -> Iterator[bytes]:
    """Each after a space. Where a client asks for all messages, or all but a few, most numbers follow each
    other, and their octets are known already."""
    for start in range(0, len(numbers), TOGETHER):
        some = numbers[start : start + TOGETHER]
        if some[-1] - some[0] == len(some) - 1:
            yield _consecutive(some[0], len(some))
        else:
            yield spaced(some)


@lru_cache(maxsize=1024)
def _consecutive(first: int, count: int) -> bytes:
    return b"".join([b" %d" % number for number in range(first, first + count)])
