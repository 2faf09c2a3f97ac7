"""Filling `search.db`: segments and texts are added, small ones joined, and what was erased goes.

One step is one transaction. There is one writer at a time: files that are removed and made anew while another
writes to them would lose their logs to each other.
"""

from __future__ import annotations

import fcntl
import os
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from pillarbox.store.index import database, manifest, paired, segment, texts
from pillarbox.store.index.database import (
    BAD,
    CHUNK,
    DICTIONARIES,
    FILE,
    FORMAT,
    LOCK,
    Database,
    checksum,
    posting_id,
    remove,
    span_of,
    vocabulary_id,
)
from pillarbox.store.index.document import Document, Field
from pillarbox.store.index.listing import Listed
from pillarbox.store.index.runs import Kind
from pillarbox.store.index.segment import Key, Segment
from pillarbox.store.index.texts import PLAIN, Damaged, Group, Packing, compress, decompress
from pillarbox.store.index.vocabulary import MAX_MESSAGES, Packed, Vocabulary, apart, postings_of, together

_ACCOUNT = database.ACCOUNT

MOST_ERASED = 4  # a quarter of an index may be of mail that is gone
FAN = 8  # segments of a size that become one of the next
_GROUP = "SELECT id, last, places, own, header, body FROM text"
SMALL_GROUP = 8 * 1024  # octets of a group's packed texts; two of such neighbours are joined


class Overtaken(Exception):
    """Another writer was faster, or the index has been begun anew."""


class Row(NamedTuple):
    """A segment as it is listed."""

    id: int
    first: int
    last: int
    messages: int


class Writer:
    """The one that fills the index in `folder`, made anew if it is not of this `lineage` and format. With
    `wait` another writer is waited for, else it is `Overtaken`."""

    def __init__(self, folder: Path, lineage: str, *, wait: bool = False) -> None:
        self._folder = folder
        self._lineage = lineage
        self._kept = PLAIN
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Overtaken from None
            self.database = self._opened()
        except BaseException:
            os.close(self._lock)
            raise
        try:
            if not self._usable():
                self.begin_anew()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> Database:
        if (self._folder / BAD).exists():
            remove(self._folder)
        try:
            return Database(self._folder / FILE, write=True)
        except (apsw.CorruptError, apsw.NotADBError):
            remove(self._folder)
            return Database(self._folder / FILE, write=True)

    def _usable(self) -> bool:
        try:
            found = self.database.rows(
                "SELECT format, lineage FROM search_cursor WHERE account = ?", _ACCOUNT
            )
            return bool(found == [(FORMAT, self._lineage)])
        except apsw.Error:
            return False

    def begin_anew(self) -> None:
        """An empty index in a new file."""
        self.database.close()
        remove(self._folder)
        self.database = Database(self._folder / FILE, write=True)
        self._kept = PLAIN
        with self.database.writing():
            self.database.run(
                "INSERT OR IGNORE INTO search_cursor VALUES (?, ?, ?, 0, 0, 1, 0, ?)",
                *(_ACCOUNT, FORMAT, self._lineage, checksum(0, 0)),
            )

    @property
    def email(self) -> int:
        """Everything up to this id is in the index."""
        found = self.database.rows("SELECT email FROM search_cursor WHERE account = ?", _ACCOUNT)
        return int(found[0][0]) if found else 0

    def add(self, after: int, last: int, modseq: int, made: Segment, documents: Sequence[Document]) -> None:
        """The emails above `after` up to `last`: those of them that there are."""
        packing = self._packing()
        with self.database.writing():
            number = self._next_segment(after)
            if not packing.octets and len(documents) >= texts.ENOUGH:
                packing = self._insert_dictionaries(texts.train(documents))
            if made.emails:
                self._insert(number, made)
                self._insert_groups(texts.groups(zip(made.emails, documents), packing))
            messages = (
                len(made.emails)
                + self.database.rows("SELECT messages FROM search_cursor WHERE account = ?", _ACCOUNT)[0][0]
            )
            self.database.run(
                "UPDATE search_cursor SET email = ?, modseq = ?, messages = ?, checked = ? WHERE account = ?",
                *(last, modseq, messages, checksum(last, messages), _ACCOUNT),
            )

    def frequent(self) -> list[bytes]:
        """The words that are whole in the pairs of the largest segment, or should be."""
        largest = max(self.segments(), key=_messages, default=None)
        if largest is None or largest.messages < paired.ENOUGH:
            return []
        found = self._listed(vocabulary_id(largest.id, Field.BODY, Kind.PAIRED))
        if found is not None:
            return paired.usual(dict(paired.stretches_of(found)))
        found = self._listed(vocabulary_id(largest.id, Field.BODY, Kind.WORD))
        return paired.frequent(Vocabulary.of(found), largest.messages) if found is not None else []

    def _next_segment(self, after: int | None = None) -> int:
        found = self.database.rows(
            "SELECT email, next_segment FROM search_cursor WHERE account = ? AND format = ? AND lineage = ?",
            *(_ACCOUNT, FORMAT, self._lineage),
        )
        if not found or after not in (None, found[0][0]):
            raise Overtaken
        number = int(found[0][1])
        self.database.run("UPDATE search_cursor SET next_segment = ? WHERE account = ?", number + 1, _ACCOUNT)
        return number

    def _insert(self, number: int, made: Segment) -> None:
        run = self.database.run
        emails = made.emails
        packed = compress(emails.tobytes())
        row = Row(number, emails[0], emails[-1], len(emails))
        listed = [vocabulary_id(number, field, kind) for field, kind in made.vocabularies]
        run(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(_ACCOUNT, *row, manifest.pack(*row, listed), packed),
        )
        for (field, kind), vocabulary in made.vocabularies.items():
            self._insert_vocabulary(vocabulary_id(number, field, kind), vocabulary)

    def _insert_vocabulary(self, number: int, vocabulary: Packed) -> None:
        run = self.database.run
        parts = map(compress, (vocabulary.words, vocabulary.counts, vocabulary.steps))
        run("INSERT INTO vocabulary VALUES (?, ?, ?, ?, ?)", _ACCOUNT, number, *parts)
        for chunk, start in enumerate(range(0, len(vocabulary.postings), 2 * CHUNK)):
            numbers = compress(apart(vocabulary.postings[start : start + 2 * CHUNK]))
            run("INSERT INTO posting VALUES (?, ?, ?)", _ACCOUNT, posting_id(number, chunk), numbers)

    def _packing(self) -> Packing:
        """As texts are compressed; it is kept once there are dictionaries."""
        if not self._kept.octets:
            self._kept = Packing(dict(self.database.rows(DICTIONARIES, _ACCOUNT)))
        return self._kept

    def _insert_dictionaries(self, made: Mapping[str, bytes]) -> Packing:
        for column, octets in made.items():
            self.database.run("INSERT INTO dictionary VALUES (?, ?, ?)", _ACCOUNT, column, octets)
        return Packing(made)

    def _insert_groups(self, groups: Iterable[Group]) -> None:
        self.database.cursor.executemany(
            "INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((_ACCOUNT, *_columns(group)) for group in groups),
        )

    # Joining

    def segments(self) -> list[Row]:
        return [
            Row(*row)
            for row in self.database.rows(
                "SELECT id, first, last, messages FROM segment WHERE account = ? ORDER BY first", _ACCOUNT
            )
        ]

    def join_some(self) -> bool:
        """Join a few segments of about one size, if there are; whether there were."""
        some = due(self.segments())
        if not some:
            return False
        self._replace(some)
        return True

    def forget(self, living: Callable[[int, int], set[int]]) -> None:
        """The texts of emails that have been erased go; `living` tells which from one id to another are left.
        What is listed of them stays until the index is made anew: it is found, and belongs to no message."""
        rows = self.database.rows("SELECT id, last, places FROM text WHERE account = ?", _ACCOUNT)
        for first, last, places in rows:
            emails = texts.places_of(places).emails
            erased = frozenset(emails) - living(first, last)
            if erased:
                with self.database.writing():
                    for group in self._groups(first, last):
                        self.database.run("DELETE FROM text WHERE account = ? AND id = ?", _ACCOUNT, first)
                        self._insert_groups(texts.regroup([group], self._packing(), erased))

    def are_mostly_erased(self) -> bool:
        """Whether more is listed of mail that is gone than is worth its place."""
        listed = sum(row.messages for row in self.segments())
        rows = self.database.rows("SELECT places FROM text WHERE account = ?", _ACCOUNT)
        kept = sum(len(texts.places_of(places).emails) for (places,) in rows)
        return (listed - kept) * MOST_ERASED > listed

    def _replace(self, some: Sequence[Row]) -> None:
        made = segment.join([self._load(row) for row in some])
        with self.database.writing():
            number = self._next_segment()
            if self.segments_among(some) != len(some):
                raise Overtaken
            for row in some:
                self._delete(row.id)
            self._insert(number, made)
            self._regroup(some[0].first, some[-1].last)

    def segments_among(self, some: Sequence[Row]) -> int:
        marks = ", ".join("?" * len(some))
        return int(
            self.database.rows(
                f"SELECT count(*) FROM segment WHERE account = ? AND id IN ({marks})",
                *(_ACCOUNT, *(row.id for row in some)),
            )[0][0]
        )

    def _delete(self, number: int) -> None:
        low, high = span_of(number)
        run = self.database.run
        run("DELETE FROM segment WHERE account = ? AND id = ?", _ACCOUNT, number)
        run("DELETE FROM vocabulary WHERE account = ? AND id BETWEEN ? AND ?", _ACCOUNT, low, high)
        run(
            "DELETE FROM posting WHERE account = ? AND id BETWEEN ? AND ?",
            *(_ACCOUNT, posting_id(low, 0), posting_id(high + 1, 0) - 1),
        )

    def _load(self, row: Row) -> tuple[array[int], dict[Key, Listed]]:
        rows = self.database.rows
        found = rows("SELECT emails, manifest FROM segment WHERE account = ? AND id = ?", _ACCOUNT, row.id)
        if not found:
            raise Overtaken
        emails = array("Q")
        emails.frombytes(decompress(found[0][0]))
        listed: dict[Key, Listed] = {}
        for number in manifest.unpack(row.id, found[0][1]).vocabularies:
            some = self._listed(number)
            if some is None:
                raise Damaged
            listed[Field(number >> 4 & 15), Kind(number & 15)] = some
        return emails, listed

    def _listed(self, number: int) -> Listed | None:
        rows = self.database.rows
        found = rows("SELECT words, steps FROM vocabulary WHERE account = ? AND id = ?", _ACCOUNT, number)
        if not found:
            return None
        chunks = rows(
            "SELECT numbers FROM posting WHERE account = ? AND id BETWEEN ? AND ? ORDER BY id",
            *(_ACCOUNT, posting_id(number, 0), posting_id(number + 1, 0) - 1),
        )
        words, steps = map(decompress, found[0])
        postings = b"".join(together(decompress(chunk)) for (chunk,) in chunks)
        if len(postings) != 2 * postings_of(words, steps):
            raise Damaged
        return words, steps, postings

    def _groups(self, low: int, high: int) -> list[Group]:
        return [
            Group(*row)
            for row in self.database.rows(
                f"{_GROUP} WHERE account = ? AND id <= ? AND last >= ?",
                *(_ACCOUNT, high, low),
            )
        ]

    def _regroup(self, low: int, high: int) -> None:
        """Make larger groups of small neighbours."""
        sizes = self.database.rows(
            "SELECT id, length(header) + length(body) FROM text WHERE account = ? AND id BETWEEN ? AND ?"
            " ORDER BY id",
            *(_ACCOUNT, low, high),
        )
        small: list[int] = []
        for first, size in [*sizes, (0, SMALL_GROUP)]:
            if size < SMALL_GROUP:
                small.append(first)
                continue
            if len(small) > 1:
                marks = ", ".join("?" * len(small))
                which = f"account = ? AND id IN ({marks})"
                rows = self.database.rows(
                    f"{_GROUP} WHERE {which} ORDER BY id",
                    *(_ACCOUNT, *small),
                )
                self.database.run(f"DELETE FROM text WHERE {which}", _ACCOUNT, *small)
                self._insert_groups(texts.regroup([Group(*row) for row in rows], self._packing()))
            small = []

    def close(self) -> None:
        with suppress(apsw.Error):  # somebody reads just now, or the disk is full: the next one does it
            self.database.tidy()
        self.database.close()
        os.close(self._lock)


def due(segments: Sequence[Row]) -> list[Row]:
    """Those at the end that should become one: `FAN` or more that are no larger than each other's kind."""
    for size in range(1, 16):
        some: list[Row] = []
        messages = 0
        for row in reversed(segments):
            if _size(row) > size or messages + row.messages > MAX_MESSAGES:
                break
            some.append(row)
            messages += row.messages
        if len(some) >= FAN:
            return some[::-1]
    return []


def _messages(row: Row) -> int:
    return row.messages


def _size(row: Row) -> int:
    """1 for less than `FAN` messages, 2 for less than its square, and so on."""
    size = 1
    while FAN**size <= row.messages:
        size += 1
    return size


def _columns(group: Group) -> tuple[int, int, bytes, bytes, bytes, bytes]:
    return group.first, group.last, group.places, group.own, group.header, group.body
