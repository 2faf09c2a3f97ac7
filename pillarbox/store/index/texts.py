"""The folded text of messages, kept to look into: groups of some messages, kept together.

A group holds the texts of messages that follow each other by their emails' ids, one column for each of
`COLUMNS`; where each text ends stands beside them. A line end follows each text, so no needle is found
across two of them. A message that is longer than a group should be is one alone.

A column is compressed in pieces of a few messages each, because who looks for a needle wants to look into
messages here and there: of a group only the pieces they are in are opened.

    column    (how many pieces), then (texts in it, compressed octets) for each, a checksum of these, then
              the pieces, which have one of their own
    places    (how many messages), their emails' ids, where their texts end column by column, a checksum
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import zstandard

from pillarbox.store.index.document import Document

SIZE = 64 * 1024  # octets of text a group should have: less are too many rows, more takes longer to read
PIECE = (
    16 * 1024
)  # octets of it that are compressed together: less compresses badly, more takes longer to open
LEVEL = 3
MAX_TEXT = 1 << 30  # octets of one group; far above what one message may say

COLUMNS = ("own", "header", "body")

_COMPRESSOR = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
_DECOMPRESSOR = zstandard.ZstdDecompressor()
_HEAD = struct.Struct("<I")
_PIECE = struct.Struct("<II")


class Damaged(Exception):
    """What was kept cannot be read back."""


@dataclass(frozen=True, slots=True)
class Group:
    """As it is kept. `places`: for each message its email's id, and where each of its texts ends."""

    first: int
    last: int
    places: bytes
    own: bytes
    header: bytes
    body: bytes


class Piece(NamedTuple):
    """The texts of the messages from one place in the group up to another."""

    first: int
    stop: int
    packed: bytes


@dataclass(frozen=True, slots=True)
class Places:
    """`ends`: by column."""

    emails: array[int]
    ends: dict[str, array[int]]


def compress(octets: bytes) -> bytes:
    return _COMPRESSOR.compress(octets)


def decompress(packed: bytes) -> bytes:
    try:
        return _DECOMPRESSOR.decompress(packed, max_output_size=MAX_TEXT)
    except (zstandard.ZstdError, MemoryError) as error:
        raise Damaged from error


def groups(documents: Iterable[tuple[int, Document]]) -> Iterator[Group]:
    """The documents of emails whose ids ascend, as groups."""
    emails: list[int] = []
    columns: tuple[list[bytes], ...] = ([], [], [])
    size = 0
    for email, document in documents:
        texts = document.own, document.header, document.body
        more = sum(map(len, texts))
        if emails and size + more > SIZE:
            yield _group(emails, columns)
            emails, columns, size = [], ([], [], []), 0
        emails.append(email)
        for column, text in zip(columns, texts):
            column.append(text)
        size += more
    if emails:
        yield _group(emails, columns)


def _group(emails: list[int], columns: tuple[list[bytes], ...]) -> Group:
    places = b"".join((_HEAD.pack(len(emails)), array("Q", emails).tobytes(), *map(_ends, columns)))
    own, header, body = map(_column, columns, (SIZE, SIZE, PIECE))
    return Group(emails[0], emails[-1], places + _HEAD.pack(crc32(places)), own, header, body)


def _column(texts: list[bytes], most: int) -> bytes:
    sizes: list[bytes] = []
    pieces: list[bytes] = []
    first = size = 0
    for number, text in enumerate((*texts, b""), start=1):
        last = number > len(texts)
        if number - 1 > first and (last or size + len(text) > most):
            pieces.append(compress(b"\n".join((*texts[first : number - 1], b""))))
            sizes.append(_PIECE.pack(number - 1 - first, len(pieces[-1])))
            first, size = number - 1, 0
        size += len(text) + 1
    head = b"".join((_HEAD.pack(len(pieces)), *sizes))
    return b"".join((head, _HEAD.pack(crc32(head)), *pieces))


def pieces_of(column: bytes) -> Iterator[Piece]:
    try:
        (count,) = _HEAD.unpack_from(column)
        end = _HEAD.size + count * _PIECE.size
        (checksum,) = _HEAD.unpack_from(column, end)
        if checksum != crc32(column[:end]):
            raise Damaged
        at = end + _HEAD.size
        first = 0
        for number, size in _PIECE.iter_unpack(column[_HEAD.size : end]):
            yield Piece(first, first + number, column[at : at + size])
            first += number
            at += size
    except struct.error as error:
        raise Damaged from error


def whole(column: bytes) -> bytes:
    return b"".join(decompress(piece.packed) for piece in pieces_of(column))


def _ends(texts: list[bytes]) -> bytes:
    ends = array("I")
    at = 0
    for text in texts:
        at += len(text) + 1
        ends.append(at)
    return ends.tobytes()


def places_of(packed: bytes, columns: Sequence[str] = COLUMNS) -> Places:
    """With the ends of these columns."""
    end = len(packed) - _HEAD.size
    if end < _HEAD.size or _HEAD.unpack_from(packed, end)[0] != crc32(packed[:end]):
        raise Damaged
    (count,) = _HEAD.unpack_from(packed)
    at = _HEAD.size + 8 * count
    emails = array("Q")
    emails.frombytes(packed[_HEAD.size : at])
    ends = {}
    for column in COLUMNS:
        if column in columns:
            ends[column] = array("I")
            ends[column].frombytes(packed[at : at + 4 * count])
        at += 4 * count
    return Places(emails, ends)


def regroup(some: Iterable[Group], without: frozenset[int] = frozenset()) -> Iterator[Group]:
    """The messages of these groups in groups of a good size; not those of the emails `without`."""
    return groups((email, document) for email, document in _documents(some) if email not in without)


def _documents(some: Iterable[Group]) -> Iterator[tuple[int, Document]]:
    for group in some:
        places = places_of(group.places)
        texts = [
            _cut(whole(packed), places.ends[column])
            for column, packed in zip(COLUMNS, (group.own, group.header, group.body))
        ]
        for email, own, header, body in zip(places.emails, *texts):
            yield email, Document(own, header, body, {}, frozenset())


def _cut(text: bytes, ends: array[int]) -> list[bytes]:
    return [text[start : end - 1] for start, end in zip((0, *ends), ends)]


def matching(
    text: bytes, ends: array[int], needle: bytes, start: bytes | None = None, first: int = 0
) -> list[int]:
    """The places in a group of the messages in whose text the needle is; with `start`, in a line that
    begins so, after that. The needle is empty only with a start. `text` is the group's from its message
    `first` on."""
    out = []
    number = first
    base = ends[first - 1] if first else 0
    sought = needle or (start or b"")
    at = text.find(sought)
    while at >= 0:
        if start is not None:
            line = text.rfind(b"\n", 0, at) + 1
            if not text.startswith(start, line):
                at = text.find(sought, text.find(b"\n", at) + 1)
                continue
            if at < line + len(start) and needle:
                at = text.find(sought, at + 1)  # in the name itself
                continue
        number = bisect_right(ends, base + at, number)
        out.append(number)
        at = text.find(sought, ends[number] - base)
    return out
