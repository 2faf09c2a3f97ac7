"""Reading `search.db`, in any process: a connection an account, and what has been read kept in memory.

A `Snapshot` says which segments there are at one moment. No transaction stays open: when the writer has
joined segments meanwhile, what belonged to them is not found any more and `Moved` is raised; with a new
snapshot all is there. What is kept in memory is bounded for the whole process, the last used first.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from pathlib import Path
from typing import Any, cast

import apsw

from pillarbox.message.searchable import Documents
from pillarbox.store.index.database import (
    ACCOUNT,
    BAD,
    CHUNK,
    DICTIONARIES,
    FILE,
    FORMAT,
    Database,
    checksum,
    field_of,
    posting_id,
    segment_of,
    span_of,
    vocabulary_id,
)
from pillarbox.store.index.document import OWN, Field
from pillarbox.store.index.manifest import Manifest, unpack
from pillarbox.store.index.runs import Kind
from pillarbox.store.index.texts import PLAIN, Damaged, Packing, Places, decompress, places_of
from pillarbox.store.index.vocabulary import Slice, Vocabulary, together

MEMORY = 96 << 20  # octets kept in one process: the words of a million messages
CONNECTIONS = 32
FEW_CHUNKS = 8  # of postings that are unpacked before they are asked for


class Moved(Exception):
    """What a snapshot told of is not there any more."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A group of messages: where the texts of each end, and the columns asked for, as they are kept."""

    last: int
    places: Places
    columns: Sequence[tuple[str, bytes]]
    packing: Packing


class Memory:
    """Values by key up to `octets`; those not used for longest go."""

    def __init__(self, octets: int) -> None:
        self._most = octets
        self._octets = 0
        self._kept: OrderedDict[tuple[int, ...], tuple[Any, int]] = OrderedDict()

    def get(self, key: tuple[int, ...], make: Callable[[], tuple[Any, int]]) -> Any:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept[0]
        value, octets = make()
        self._kept[key] = value, octets
        self._octets += octets
        while self._octets > self._most and len(self._kept) > 1:
            self._octets -= self._kept.popitem(last=False)[1][1]
        return value

    def forget(self, first: int) -> None:
        """All whose key begins so."""
        for key in [key for key in self._kept if key[0] == first]:
            self._octets -= self._kept.pop(key)[1]

    @property
    def octets(self) -> int:
        return self._octets


class Segment:
    """`lookup.Listed`: what there is to read of one segment."""

    def __init__(self, reader: Reader, manifest: Manifest) -> None:
        self.number, self.first, self.last, self.messages, self._known = manifest
        self._reader = reader

    @property
    def emails(self) -> array[int]:
        """The ids of its messages' emails, by number."""
        return self._reader.emails(self.number)

    def vocabulary(self, field: Field, kind: Kind) -> Vocabulary | None:
        number = vocabulary_id(self.number, field, kind)
        return self._reader.vocabulary(number) if number in self._known else None

    def postings(self, field: Field, kind: Kind, piece: Slice) -> array[int]:
        number = vocabulary_id(self.number, field, kind)
        chunk, start = divmod(piece.start, CHUNK)
        stop = start + piece.size
        postings = self._reader.postings
        if stop <= CHUNK:
            return postings(number, chunk)[start:stop]
        out = postings(number, chunk)[start:]
        while stop > CHUNK:
            chunk, stop = chunk + 1, stop - CHUNK
            out += postings(number, chunk)[:stop]
        return out


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`email`: all emails up to this id are in the segments.

    Every email in it has a rank, its place among all by their ids. Joining segments does not change ranks,
    and they only grow; so for one `reader` they may be remembered.
    """

    email: int
    modseq: int
    segments: Sequence[Segment]
    starts: Sequence[int]  # the rank of each segment's first email, and in the end how many there are
    reader: Reader

    def rank_of(self, email: int) -> int:
        """-1 for an email that is not in the index."""
        at = bisect_right(self.segments, email, key=_first) - 1
        if at < 0:
            return -1
        emails = self.segments[at].emails
        number = bisect_left(emails, email)
        return self.starts[at] + number if number < len(emails) and emails[number] == email else -1

    def email_at(self, rank: int) -> int:
        at = bisect_right(self.starts, rank) - 1
        return self.segments[at].emails[rank - self.starts[at]]

    def emails_at(self, start: int, stop: int) -> array[int]:
        """The emails with these ranks."""
        out = array("Q")
        for segment, first in zip(self.segments, self.starts):
            if first < stop and start < first + segment.messages:
                out += segment.emails[max(0, start - first) : stop - first]
        return out

    def emails_of(self, marks: bytes | bytearray) -> array[int]:
        """The emails whose ranks are marked."""
        out = array("Q")
        for segment, first in zip(self.segments, self.starts):
            some = marks[first : first + segment.messages]
            if 1 in some:
                out.extend(compress(segment.emails, some))
        return out


def _first(segment: Segment) -> int:
    return segment.first


class Reader:
    """One account's index, as long as it is the same file."""

    def __init__(self, folder: Path, memory: Memory, serial: int) -> None:
        path = folder / FILE
        before = path.stat()
        self._memory = memory
        self.serial = serial
        self._has_dictionaries = False
        self._database = Database(path, write=False)
        self.path = str(path)
        self.inode = before.st_dev, before.st_ino
        try:
            # The log is opened by the first read; had the file been another by then, both would not fit.
            self._rows("SELECT count(*) FROM sqlite_schema")
            after = path.stat()
            if (after.st_dev, after.st_ino) != self.inode:
                raise Moved
        except BaseException:
            self._database.close()
            raise

    def snapshot(self, lineage: str) -> Snapshot | None:
        """As of now; None when this index is of no use for an account of this lineage."""
        self._database.run("BEGIN")
        try:
            found = self._rows(
                "SELECT format, lineage, email, modseq, messages, checked FROM search_cursor"
                " WHERE account = ?",
                ACCOUNT,
            )
            if not found or found[0][:2] != (FORMAT, lineage):
                return None
            segments = [
                Segment(self, self.manifest(*row))
                for row in self._rows("SELECT id, manifest FROM segment WHERE account = ?", ACCOUNT)
            ]
        finally:
            self._database.run("ROLLBACK")
        segments.sort(key=_first)
        starts = [*accumulate((segment.messages for segment in segments), initial=0)]
        email, modseq, messages, checked = found[0][2:]
        if starts[-1] != messages or checked != checksum(email, messages):
            raise Damaged
        return Snapshot(email, modseq, segments, starts, self)

    def manifest(self, segment: int, packed: bytes) -> Manifest:
        def read() -> tuple[Manifest, int]:
            made = unpack(segment, packed)
            return made, 100 * len(made.vocabularies)

        return cast(Manifest, self._memory.get((self.serial, 0, segment), read))

    def emails(self, segment: int) -> array[int]:
        def read() -> tuple[array[int], int]:
            emails = array("Q")
            emails.frombytes(
                self._one("SELECT emails FROM segment WHERE account = ? AND id = ?", segment, segment)[0]
            )
            return emails, 8 * len(emails)

        return cast("array[int]", self._memory.get((self.serial, 1, segment), read))

    def vocabulary(self, number: int) -> Vocabulary:
        def read() -> tuple[Vocabulary, int]:
            made = Vocabulary(
                *self._one(
                    "SELECT words, counts, steps FROM vocabulary WHERE account = ? AND id = ?",
                    *(number, segment_of(number)),
                )
            )
            return made, made.octets

        return cast(Vocabulary, self._memory.get((self.serial, 2, number), read))

    def postings(self, number: int, chunk: int) -> array[int]:
        def read() -> tuple[array[int], int]:
            numbers = array("H")
            (octets,) = self._one(
                "SELECT numbers FROM posting WHERE account = ? AND id = ?",
                *(posting_id(number, chunk), segment_of(number)),
            )
            numbers.frombytes(together(octets))
            return numbers, 2 * len(numbers)

        return cast("array[int]", self._memory.get((self.serial, 3, number, chunk), read))

    def unpacking(self, segments: Sequence[Segment], large: int) -> Iterator[int]:
        """Have in memory what nearly every search looks into: the vocabularies up to `large` octets packed,
        and the postings of the fields that are listed alone. Told after each is how many octets that are so
        far."""
        octets = 0
        for segment in segments:
            octets += 8 * len(segment.emails)
            yield octets
            for number, packed in self._rows(
                "SELECT id, length(words) FROM vocabulary WHERE account = ? AND id BETWEEN ? AND ?",
                *(ACCOUNT, *span_of(segment.number)),
            ):
                if packed > large:
                    continue
                octets += self.vocabulary(number).octets
                yield octets
                if field_of(number) not in OWN.values():
                    continue
                for (posting,) in self._rows(
                    "SELECT id FROM posting WHERE account = ? AND id BETWEEN ? AND ?",
                    *(ACCOUNT, posting_id(number, 0), posting_id(number, FEW_CHUNKS - 1)),
                ):
                    octets += 2 * len(self.postings(number, posting - posting_id(number, 0)))
                    yield octets

    def texts(self, email: int, columns: Sequence[str]) -> Texts | None:
        """The group in which this email's texts are, with those asked for."""
        rows = self._rows(
            f"SELECT id, last, places, {', '.join(columns)} FROM text WHERE account = ? AND id <= ?"
            " ORDER BY id DESC LIMIT 1",
            *(ACCOUNT, email),
        )
        if not rows or rows[0][1] < email:
            return None
        first, last, packed, *kept = rows[0]
        places = places_of(packed, columns)
        if (places.emails[0], places.emails[-1]) != (first, last):
            raise Damaged
        return Texts(last, places, [*zip(columns, kept)], self._packing())

    def _packing(self) -> Packing:
        """To be asked for after what it is needed for: that came not before the dictionaries."""

        def read() -> tuple[Packing, int]:
            made = Packing(dict(self._rows(DICTIONARIES, ACCOUNT)))
            return made, 3 * made.octets

        if not self._has_dictionaries:
            found = self._rows("SELECT 1 FROM dictionary WHERE account = ? LIMIT 1", ACCOUNT)
            if not found:
                return PLAIN
            self._has_dictionaries = True
        return cast(Packing, self._memory.get((self.serial, 4), read))

    def _one(self, sql: str, number: int, segment: int) -> tuple[bytes, ...]:
        """A row that belongs to this segment: gone when it has been joined, and lost when it has not."""
        rows = self._rows(sql, ACCOUNT, number)
        if not rows:
            there = self._rows("SELECT 1 FROM segment WHERE account = ? AND id = ?", ACCOUNT, segment)
            raise Damaged if there else Moved
        return tuple(map(decompress, rows[0]))

    def _rows(self, sql: str, *args: Any) -> list[Any]:
        try:
            return self._database.rows(sql, *args)
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            raise Damaged from error
        except apsw.Error as error:
            raise Moved from error  # just begun, closed by another search, or locked: to be looked at again

    def close(self) -> None:
        self._database.close()


class Readers:
    """The indexes this process reads. Used from one thread. `documents`: what reads attached documents in
    messages that are not indexed, as those were read that are; any thread may call it."""

    def __init__(self, folder_of: Callable[[int], Path], memory: int = MEMORY) -> None:
        self.documents: Documents | None = None
        self._folder_of = folder_of
        self._memory = Memory(memory)
        self._open: OrderedDict[int, Reader] = OrderedDict()
        self._serial = 0

    def snapshot(self, account: int, lineage: str) -> Snapshot | None:
        """The account's index as of now; None when there is none that could be used."""
        try:
            reader = self._get(account)
            found = reader.snapshot(lineage) if reader is not None else None
        except (Moved, apsw.Error):
            self.drop(account)
            return None
        except Damaged:
            self.condemn(account)
            return None
        return found

    def _get(self, account: int) -> Reader | None:
        reader = self._open.pop(account, None)
        path = reader.path if reader is not None else str(self._folder_of(account) / FILE)
        try:
            found = os.stat(path)  # noqa: PTH116  a path is kept as it is asked: each search comes by
        except OSError:
            if reader is not None:
                reader.close()
            return None
        if reader is not None and reader.inode != (found.st_dev, found.st_ino):
            reader.close()
            reader = None
        if reader is None:
            self._serial += 1
            try:
                reader = Reader(self._folder_of(account), self._memory, self._serial)
            except OSError:
                return None
        self._open[account] = reader
        if len(self._open) > CONNECTIONS:
            self._open.popitem(last=False)[1].close()
        return reader

    def drop(self, account: int) -> None:
        """Do not use this file again without looking."""
        reader = self._open.pop(account, None)
        if reader is not None:
            reader.close()

    def forget(self, account: int) -> None:
        """Give back what is kept of it."""
        reader = self._open.get(account)
        if reader is not None:
            self._memory.forget(reader.serial)
            self.drop(account)

    @property
    def octets(self) -> int:
        """Kept in memory."""
        return self._memory.octets

    def condemn(self, account: int) -> None:
        """It is damaged: have it made anew by who writes it."""
        self.drop(account)
        folder = self._folder_of(account)
        if folder.is_dir():
            (folder / BAD).touch()

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
