"""A segment: the vocabularies of some messages, made from their documents or from smaller segments.

Messages have numbers in a segment, from 0 in the order of their emails' ids; `emails` tells which they are.
A vocabulary is known by its field and the kind of runs in it; those that would be empty are not there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

from pillarbox.store.index import paired
from pillarbox.store.index.document import Document, Field, lines_of
from pillarbox.store.index.listing import Listed, Long, pack
from pillarbox.store.index.pairs import SEPARATORS
from pillarbox.store.index.runs import Kind, grams_of
from pillarbox.store.index.vocabulary import Packed, Vocabulary, packed

try:
    from pillarbox.store.index import _listing as listing
except ImportError:  # built without a compiler
    from pillarbox.store.index import listing  # type: ignore[no-redef]

Key = tuple[Field, Kind]

GRAMS = {Kind.WORD: Kind.GRAM, Kind.BORDER: Kind.BORDER_GRAM}


@dataclass(frozen=True, slots=True)
class Segment:
    """`emails` ascend."""

    emails: array[int]
    vocabularies: dict[Key, Packed]


def build(emails: array[int], documents: Sequence[Document], frequent: Sequence[bytes] = ()) -> Segment:
    """Of messages in the order of their emails' ids. `frequent`: words that are listed whole in pairs
    where these messages are too few to tell which.

    One vocabulary after another, not one message after another: what is known of one is at hand in the
    processor's caches, of all it is not, and only one is held in memory before it is packed.
    """
    made: dict[Key, Listed | None] = {}
    for field in Field:
        if field is Field.NAMES:
            made[field, Kind.WORD] = listing.lines(
                (number, b"\n".join(document.names)) for number, document in enumerate(documents)
            )
            continue
        for kind, (whole, long) in zip(GRAMS, listing.runs(_texts(documents, field))):
            made[field, kind] = whole
            made[field, GRAMS[kind]] = _grams(long, kind)
        if field is Field.BODY:
            made |= _paired(documents, frequent, made[field, Kind.WORD])
        else:
            made[field, Kind.LINE] = listing.lines(_lines(documents, field))
    return Segment(emails, {key: packed(listed) for key, listed in made.items() if listed is not None})


def _texts(documents: Sequence[Document], field: Field) -> Iterator[tuple[int, bytes]]:
    for number, document in enumerate(documents):
        if field is Field.BODY:
            yield number, document.body
        elif field is Field.HEADER:
            yield number, b"%b\n%b" % (document.own, document.header)
        elif field in document.lists:
            yield number, document.lists[field]


def _lines(documents: Sequence[Document], field: Field) -> Iterator[tuple[int, bytes]]:
    for number, document in enumerate(documents):
        text = document.lined if field is Field.HEADER else document.lists.get(field)
        if text:
            yield number, lines_of(text)


def _paired(
    documents: Sequence[Document], frequent: Sequence[bytes], words: Listed | None
) -> dict[Key, Listed | None]:
    count = len(documents)
    if count >= paired.ENOUGH and words is not None:
        frequent = paired.frequent(Vocabulary.of(words), count)
    return {
        (Field.BODY, Kind.PAIRED): pack(paired.everywhere(frequent, count)),
        (Field.BODY, Kind.PAIR): listing.pairs(_texts(documents, Field.BODY), frequent, SEPARATORS),
    }


def _grams(long: Long, kind: Kind) -> Listed | None:
    """What is listed of runs that are too long."""
    by_message = groupby(sorted(set(long)), key=itemgetter(0))
    return listing.lines(
        (number, b"\n".join(chain.from_iterable(grams_of(run, kind) for _, run in some)))
        for number, some in by_message
    )


def join(parts: Sequence[tuple[array[int], dict[Key, Listed]]]) -> Segment:
    """One segment of several that follow each other; of each its emails and what is listed of them."""
    emails = array("Q")
    of_key: dict[Key, list[tuple[bytes, bytes, bytes, int]]] = {}
    for some, listed in parts:
        for key, found in listed.items():
            of_key.setdefault(key, []).append((*found, len(emails)))
        emails += some
    joined = {key: (paired if key[1] is Kind.PAIRED else listing).join(some) for key, some in of_key.items()}
    return Segment(emails, {key: packed(listed) for key, listed in joined.items() if listed is not None})
