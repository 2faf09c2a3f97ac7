"""What a text key asks, and of whom: of the index, of the texts it keeps, of a message itself."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.message.casemap import Fold
from pillarbox.message.searchable import Documents, fold_text, line, searchable_headers, searchable_parts
from pillarbox.model import search
from pillarbox.store.blobs import Blob
from pillarbox.store.index import lookup
from pillarbox.store.index.document import OWN, Field, has_line, plain, start_of
from pillarbox.store.index.lookup import Answer, Listed, Steps
from pillarbox.store.index.marks import Marks
from pillarbox.store.index.reader import Snapshot
from pillarbox.store.index.runs import encode
from pillarbox.store.index.texts import COLUMNS, matching

TextKey = search.Header | search.Body | search.Text


@dataclass(frozen=True, slots=True)
class Question:
    """`columns` of the texts kept of a message are looked at; with `name` only the lines of that field."""

    needle: str
    name: str | None
    columns: tuple[str, ...]
    fold: Fold = fold_text

    @property
    def by_message(self) -> bool:
        """Whether only the message itself can tell."""
        return self.name is not None and not plain(self.name)

    def look_up(self, segment: Listed) -> Steps[Answer]:
        if self.name is None:
            fields = (Field.BODY,) if self.columns == ("body",) else (Field.HEADER, Field.BODY)
            return lookup.in_fields(segment, fields, self.needle)
        if self.needle and self.name in OWN:
            return lookup.in_fields(segment, [OWN[self.name]], self.needle)
        return lookup.in_named(segment, self.name, self.needle)

    def of_message(self, documents: Documents | None, blob: Blob, header_size: int) -> bool:
        """The truth."""
        needle = self.needle
        if self.columns != ("body",):
            fields = searchable_headers(blob.read(0, header_size), self.fold)
            if self.name is not None:
                return any(name.lower() == self.name and needle in text for name, text in fields)
            if any(needle in line(name, text, self.fold) for name, text in fields):
                return True
        parts = searchable_parts(blob.read(0, blob.size), documents, fold=self.fold)
        return any(needle in text for text in parts)


def question(key: TextKey, fold: Fold = fold_text) -> Question | None:
    """None where every message matches."""
    needle = fold(key.needle, sys.maxsize)
    match key:
        case search.Header(name=name):
            return Question(needle, name, ("own",) if name in OWN else ("header",), fold)
        case _ if not needle:
            return None
        case search.Body():
            return Question(needle, None, ("body",), fold)
        case search.Text():
            return Question(needle, None, COLUMNS, fold)


def looking(snapshot: Snapshot, asked: Question, wanted: array[int], found: Marks) -> Steps[set[int]]:
    """Mark the ranks of those of the emails `wanted`, which ascend, whose kept text says so; those of which
    none is kept."""
    missing: set[int] = set()
    octets = encode(asked.needle)
    start = start_of(asked.name) if asked.name is not None else None
    at = 0
    while at < len(wanted):
        yield
        group = snapshot.reader.texts(wanted[at], asked.columns)
        if group is None:
            missing.add(wanted[at])
            at += 1
            continue
        stop = bisect_right(wanted, group.last, at)
        some = wanted[at:stop]
        at = stop
        ids = group.places.emails
        whole = some == ids
        if not whole:
            missing.update(set(some).difference(ids))
        hits: set[int] = set()
        for column, text in group.texts:
            ends = group.places.ends[column]
            if start is None:
                hits.update([ids[number] for number in matching(text, ends, octets)])
            else:
                hits.update(_with_line(ids, ends, text, start, octets, some))
        for email in hits if whole else hits.intersection(some):
            found[snapshot.rank_of(email)] = 1
    return missing


def _with_line(
    ids: Sequence[int], ends: Sequence[int], text: bytes, start: bytes, needle: bytes, some: Sequence[int]
) -> list[int]:
    out = []
    for email in some:
        number = bisect_left(ids, email)
        if number < len(ids) and ids[number] == email:
            begin = ends[number - 1] if number else 0
            if has_line(text, start, needle, begin, ends[number]):
                out.append(email)
    return out
