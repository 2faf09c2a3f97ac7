"""A segment: the vocabularies of some messages, made from their documents or from smaller segments.

Messages have numbers in a segment, from 0 in the order of their emails' ids; `emails` tells which they are.
A vocabulary is known by its field and the kind of runs in it; those that would be empty are not there.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pillarbox.store.index import pairs, vocabulary
from pillarbox.store.index.document import Document, Field, lines_of
from pillarbox.store.index.runs import LONG, Kind, borders, grams_of, words
from pillarbox.store.index.vocabulary import Packed, Vocabulary

Key = tuple[Field, Kind]

GRAMS = {Kind.WORD: Kind.GRAM, Kind.BORDER: Kind.BORDER_GRAM}
_CUTS: dict[Kind, Callable[[bytes], set[bytes]]] = {Kind.WORD: words, Kind.BORDER: borders}


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
    packed: dict[Key, Packed] = {}
    for field in Field:
        if field is Field.NAMES:
            found = _found((number, document.names) for number, document in enumerate(documents))
            if found:
                packed[field, Kind.WORD] = vocabulary.pack(found)
            continue
        for kind, cut in _CUTS.items():
            found = _found((number, cut(text)) for number, text in _texts(documents, field))
            if field is Field.BODY and kind is Kind.WORD:
                packed |= _paired(documents, frequent, found)
            if grams := _cut_long(found, kind):
                packed[field, GRAMS[kind]] = vocabulary.pack(grams)
            if found:
                packed[field, kind] = vocabulary.pack(found)
        if field is not Field.BODY and (found := _found(_lines(documents, field))):
            packed[field, Kind.LINE] = vocabulary.pack(found)
    return Segment(emails, packed)


def _found(cut: Iterable[tuple[int, Iterable[bytes]]]) -> dict[bytes, list[int]]:
    """The numbers of the messages that each run is in, of their numbers, which ascend, and their runs."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, runs in cut:
        for run in runs:
            found[run].append(number)
    return found


def _texts(documents: Sequence[Document], field: Field) -> Iterator[tuple[int, bytes]]:
    for number, document in enumerate(documents):
        if field is Field.BODY:
            yield number, document.body
        elif field is Field.HEADER:
            yield number, b"%b\n%b" % (document.own, document.header)
        elif field in document.lists:
            yield number, document.lists[field]


def _lines(documents: Sequence[Document], field: Field) -> Iterator[tuple[int, Iterable[bytes]]]:
    for number, document in enumerate(documents):
        text = document.lined if field is Field.HEADER else document.lists.get(field)
        if text:
            yield number, lines_of(text)


def _paired(
    documents: Sequence[Document], frequent: Sequence[bytes], words: dict[bytes, list[int]]
) -> dict[Key, Packed]:
    count = len(documents)
    if count >= pairs.ENOUGH:
        frequent = pairs.frequent(zip(words, map(len, words.values())), count)
    packed: dict[Key, Packed] = {}
    if frequent:
        packed[Field.BODY, Kind.PAIRED] = vocabulary.pack(pairs.everywhere(frequent, count))
    if found := pairs.listed([document.body for document in documents], frequent):
        packed[Field.BODY, Kind.PAIR] = vocabulary.pack(found)
    return packed


def _cut_long(found: dict[bytes, list[int]], kind: Kind) -> dict[bytes, list[int]]:
    """Take the long runs out; their grams."""
    sets: defaultdict[bytes, set[int]] = defaultdict(set)
    for run in [run for run in found if len(run) > LONG]:
        numbers = found.pop(run)
        for gram in set(grams_of(run, kind)):
            sets[gram].update(numbers)
    return {gram: sorted(numbers) for gram, numbers in sets.items()}


def join(parts: Sequence[tuple[array[int], dict[Key, tuple[Vocabulary, bytes]]]]) -> Segment:
    """One segment of several that follow each other; of each its emails and its vocabularies with their
    postings."""
    emails = array("Q")
    of_key: dict[Key, list[tuple[Vocabulary, bytes, int]]] = {}
    for some, vocabularies in parts:
        for key, (found, postings) in vocabularies.items():
            of_key.setdefault(key, []).append((found, postings, len(emails)))
        emails += some
    joined = {
        (field, kind): (pairs.join if kind is Kind.PAIRED else vocabulary.join)(some)
        for (field, kind), some in of_key.items()
    }
    return Segment(emails, joined)
