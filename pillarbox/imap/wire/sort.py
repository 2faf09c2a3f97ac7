"""SORT and UID SORT (RFC 5256 3, 5; RFC 5957 5) and the answer to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pillarbox.imap.wire.charset import codec_of
from pillarbox.imap.wire.digits import spaced
from pillarbox.imap.wire.esearch import Returning, maybe_returning
from pillarbox.imap.wire.limits import SORT_CRITERIA
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.search_key import parse_program
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.search import Key
from pillarbox.model.sorting import Criterion, SortKey
from pillarbox.model.threading import Algorithm

PIECE = 2048  # numbers spelled at once: half a millisecond


@dataclass(frozen=True, slots=True)
class Sort:
    """`search` has the charset that must be named, and what RETURN asks for (RFC 5267 3)."""

    criteria: tuple[Criterion, ...]
    search: Search

    def mentions(self, key: type[Key]) -> bool:
        return self.search.mentions(key)


def parse_sort(reader: Reader, *, uid: bool = False) -> Sort:
    """extended-sort = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria
    (RFC 5267 5)"""
    returning = maybe_returning(reader)
    reader.space()
    criteria = reader.listed(lambda: _criterion(reader), SORT_CRITERIA, "sort criteria")
    threading = Algorithm.REFS if returning is None else returning.threading
    search = parse_search_criteria(reader, uid=uid, returning=returning, threading=threading)
    return Sort(tuple(criteria), search)


def _criterion(reader: Reader) -> Criterion:
    """sort-criterion = ["REVERSE" SP] sort-key"""
    word = reader.word("A sort criterion")
    reverse = word == "REVERSE"
    if reverse:
        reader.space()
        word = reader.word("A sort criterion")
    try:
        return Criterion(SortKey(word), reverse)
    except ValueError:
        raise PeerSyntax(f"SORT knows {', '.join(key.value for key in SortKey)} and REVERSE") from None


def parse_search_criteria(
    reader: Reader, *, uid: bool, returning: Returning | None = None, threading: Algorithm = Algorithm.REFS
) -> Search:
    """search-criteria = charset 1*(SP search-key), of SORT and THREAD"""
    reader.space()
    charset = reader.text(reader.astring("A charset name"), "The charset name").upper()
    reader.space()
    return Search(parse_program(reader, codec_of(charset), threading), uid, returning, charset)


def encode_sorted(numbers: Iterable[int], modseq: int | None = None) -> Iterator[bytes]:
    """sort-data = "SORT" [1*(SP nz-number) SP search-sort-mod-seq]   (RFC 7162 7), in pieces"""
    yield b"* SORT"
    remaining = iter(numbers)
    while some := list(islice(remaining, PIECE)):
        yield spaced(some)
    yield b"\r\n" if modseq is None else b" (MODSEQ %d)\r\n" % modseq
