"""A segment: the vocabularies of some messages, made from their documents or from smaller segments.

Messages have numbers in a segment, from 0 in the order of their emails' ids; `emails` tells which they are.
A vocabulary is known by its field and the kind of runs in it; those that would be empty are not there.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pillarbox.store.index import pairs, vocabulary
from pillarbox.store.index.document import Document, Field
from pillarbox.store.index.runs import LONG, Kind, borders, grams_of, words
from pillarbox.store.index.vocabulary import MAX_MESSAGES, Packed, Vocabulary

Key = tuple[Field, Kind]

GRAMS = {Kind.WORD: Kind.GRAM, Kind.BORDER: Kind.BORDER_GRAM}
_CUTS: dict[Kind, Callable[[bytes], set[bytes]]] = {Kind.WORD: words, Kind.BORDER: borders}


@dataclass(frozen=True, slots=True)
class Segment:
    """`emails` ascend."""

    emails: array[int]
    vocabularies: dict[Key, Packed]


class Builder:
    """Takes documents, then gives their segment. Memory grows with the different runs and the postings."""

    def __init__(self) -> None:
        self.emails = array("Q")
        self.octets = 0  # of text
        self._found: dict[Key, defaultdict[bytes, list[int]]] = {}
        self._bodies: list[bytes] = []

    @property
    def full(self) -> bool:
        return len(self.emails) >= MAX_MESSAGES

    def add(self, email: int, document: Document) -> None:
        """The next message; ids ascend."""
        number = len(self.emails)
        self.emails.append(email)
        self._bodies.append(document.body)
        self.octets += len(document.header) + len(document.body)
        header = b"%b\n%b" % (document.own, document.header)
        texts = ((Field.HEADER, header), (Field.BODY, document.body), *document.lists.items())
        for field, text in texts:
            for kind, cut in _CUTS.items():
                runs = cut(text)
                if runs:
                    found = self._of(field, kind)
                    for run in runs:
                        found[run].append(number)
        for field, lines in document.lines():
            if lines:
                found = self._of(field, Kind.LINE)
                for line in lines:
                    found[line].append(number)
        found = self._of(Field.NAMES, Kind.WORD)
        for name in document.names:
            found[name].append(number)

    def _of(self, field: Field, kind: Kind) -> defaultdict[bytes, list[int]]:
        found = self._found.get((field, kind))
        if found is None:
            found = self._found[field, kind] = defaultdict(list)
        return found

    def finish(self, frequent: Sequence[bytes] = ()) -> Segment:
        """`frequent`: words that are listed whole in pairs where these messages are too few to tell which."""
        packed = self._paired(frequent)
        for (field, kind), found in self._found.items():
            if field is not Field.NAMES and kind in GRAMS and (grams := _cut_long(found, kind)):
                packed[field, GRAMS[kind]] = vocabulary.pack(grams)
            if found:
                packed[field, kind] = vocabulary.pack(found)
        return Segment(self.emails, packed)

    def _paired(self, frequent: Sequence[bytes]) -> dict[Key, Packed]:
        words: dict[bytes, list[int]] = self._found.get((Field.BODY, Kind.WORD), defaultdict(list))
        count = len(self.emails)
        if count >= pairs.ENOUGH:
            frequent = pairs.frequent(zip(words, map(len, words.values())), count)
        packed: dict[Key, Packed] = {}
        if frequent:
            packed[Field.BODY, Kind.PAIRED] = vocabulary.pack(pairs.everywhere(frequent, count))
        if found := pairs.listed(self._bodies, frequent):
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
