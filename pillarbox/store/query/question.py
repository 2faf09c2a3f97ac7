"""What a text key asks, and of whom: of the index, of the texts it keeps, of a message itself."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

from pillarbox.message import glance, own_fields
from pillarbox.message.casemap import Fold
from pillarbox.message.searchable import Documents, fold_text, line, searchable_headers, searchable_parts
from pillarbox.model import search
from pillarbox.store.blobs import Blob
from pillarbox.store.index import lookup
from pillarbox.store.index.document import OWN, Field, plain, start_of
from pillarbox.store.index.lookup import Answer, Listed, Steps
from pillarbox.store.index.marks import Marks
from pillarbox.store.index.reader import Snapshot
from pillarbox.store.index.runs import encode
from pillarbox.store.index.texts import COLUMNS, matching, pieces_of

AT_A_GLANCE = (
    1 << 19
)  # octets of a message whose texts are within `MAX_SEARCHED`, whatever they are folded to


class Stored(NamedTuple):
    """What is stored with a message: the octets of its header, and its BODYSTRUCTURE as this program makes
    it; nothing where all has to be looked into."""

    header_size: int
    structure: bytes


TextKey = search.Header | search.Body | search.Text


@dataclass(frozen=True, slots=True)
class Question:
    """`columns` of the texts kept of a message are looked at; with `name` only the lines of that field.
    `word`: of the needle, by which most messages are ruled out at a glance (`message.glance`); empty where
    that cannot be. `part_fold`: what is made of the texts of a body."""

    needle: str
    name: str | None
    columns: tuple[str, ...]
    fold: Fold = fold_text
    word: bytes = b""
    part_fold: Fold = fold_text

    @property
    def by_message(self) -> bool:
        """Whether only the message itself can tell."""
        return self.name is not None and not plain(self.name)

    @property
    def by_fields(self) -> bool:
        """Whether the fields that are kept of each message (`own_fields`) tell."""
        return self.name in OWN

    def of_value(self, value: bytes) -> bool:
        """Of one of these fields: the truth."""
        assert self.name is not None
        return any(self.needle in text for text in own_fields.texts(self.name, value, self.fold))

    def look_up(self, segment: Listed) -> Steps[Answer]:
        if self.name is None:
            fields = (Field.BODY,) if self.columns == ("body",) else (Field.HEADER, Field.BODY)
            return lookup.in_fields(segment, fields, self.needle)
        if self.needle and self.name in OWN:
            return lookup.in_fields(segment, [OWN[self.name]], self.needle)
        return lookup.in_named(segment, self.name, self.needle)

    def of_message(self, documents: Documents | None, blob: Blob, stored: Stored) -> bool:
        """The truth."""
        word = self.word if stored.structure and blob.size <= AT_A_GLANCE else b""
        if self.columns != ("body",):
            header = blob.read(0, stored.header_size)
            if self._in_header(header, word):
                return True
        if self.name is not None:
            return False
        return self._in_body(documents, blob.read(0, blob.size), stored, word)

    def of_octets(self, documents: Documents | None, raw: bytes, stored: Stored) -> bool:
        """The same of a small message, all of which is at hand."""
        word = self.word if stored.structure else b""
        if self.columns != ("body",) and self._in_header(raw[: stored.header_size], word):
            return True
        return self.name is None and self._in_body(documents, raw, stored, word)

    def _in_header(self, header: bytes, word: bytes) -> bool:
        if word and glance.absent_from_header(header, word):
            return False
        needle, fields = self.needle, searchable_headers(header, self.fold)
        if self.name is not None:
            return any(name.lower() == self.name and needle in text for name, text in fields)
        return any(needle in line(name, text, self.fold) for name, text in fields)

    def _in_body(self, documents: Documents | None, raw: bytes, stored: Stored, word: bytes) -> bool:
        needle, fold = self.needle, self.fold
        if word:
            fold = self.part_fold
            charset = glance.charset_of_plain(stored.structure)
            if charset is not None and glance.absent_from_text(raw[stored.header_size :], charset, word):
                return False
        return any(needle in text for text in searchable_parts(raw, documents, fold=fold))


def _asked(needle: str, name: str | None, columns: tuple[str, ...], fold: Fold) -> Question:
    word = glance.word_of(needle) if fold is fold_text else b""
    return Question(needle, name, columns, fold, word, glance.folding(needle) if word else fold)


def question(key: TextKey, fold: Fold = fold_text) -> Question | None:
    """None where every message matches."""
    needle = fold(key.needle, sys.maxsize)
    match key:
        case search.Header(name=name):
            return _asked(needle, name, ("own",) if name in OWN else ("header",), fold)
        case _ if not needle:
            return None
        case search.Body():
            return _asked(needle, None, ("body",), fold)
        case search.Text():
            return _asked(needle, None, COLUMNS, fold)


def looking(snapshot: Snapshot, asked: Question, wanted: Marks, found: Marks) -> Steps[set[int]]:
    """Of the messages whose ranks are `wanted` mark those as `found` whose kept text says so. Returned are
    the emails of those of which none is kept."""
    missing: set[int] = set()
    octets = encode(asked.needle)
    begins = start_of(asked.name) if asked.name is not None else None
    for segment, start in zip(snapshot.segments, snapshot.starts):
        stop = start + segment.messages
        rank = wanted.find(1, start, stop)
        if rank < 0:
            continue
        emails = segment.emails
        while rank >= 0:
            yield
            group = snapshot.reader.texts(emails[rank - start], asked.columns)
            if group is None:
                missing.add(emails[rank - start])
                rank = wanted.find(1, rank + 1, stop)
                continue
            ids = group.places.emails
            low, high = bisect_left(emails, ids[0]), bisect_right(emails, ids[-1])
            first = start + low
            # Of some in between no text may be kept any more; and a group may hold later messages, of which
            # this snapshot does not know.
            complete = emails[low:high] == ids
            numbers = [
                number
                for column, kept in group.columns
                for piece in pieces_of(kept, wanted if complete else None, first)
                for number in matching(
                    group.packing.decompress(column, piece.packed),
                    *(group.places.ends[column], octets, begins, piece.first),
                )
            ]
            if complete:
                for number in numbers:
                    if wanted[first + number]:
                        found[first + number] = 1
            else:
                for number in numbers:
                    at = snapshot.rank_of(ids[number])
                    if at >= 0 and wanted[at]:
                        found[at] = 1
                between = compress(emails[rank - start : high], wanted[rank : start + high])
                missing.update(set(between).difference(ids))
            rank = wanted.find(1, start + high, stop)
    return missing
