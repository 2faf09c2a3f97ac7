"""The folded text of messages, kept to look into: groups of some messages, kept together.

A group holds the texts of messages that follow each other by their emails' ids, one column for each of
`COLUMNS`; where each text ends stands beside them. A line end follows each text, so no needle is found
across two of them. A message that is longer than a group should be is one alone.

A column is compressed in pieces, of the body of very few messages each, because who looks for a needle wants
to look into messages here and there: of a group only the pieces they are in are opened. So that little pieces
are compressed as well as large ones, headers and bodies have a dictionary each, made of the first messages
that are enough for it and kept beside them. Each piece tells whether it needs that.

    column    (how many pieces), then (texts in it, compressed octets) for each, a checksum of these, then
              the pieces, which have one of their own
    places    (how many messages), their emails' ids, where their texts end column by column, a checksum
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from zlib import crc32

import zstandard

from pillarbox.store.index.document import Document
from pillarbox.store.index.marks import Marks

SIZE = 64 * 1024  # octets of text a group should have: less are too many rows, more takes longer to read
PIECE = 4 * 1024  # octets of it that are compressed together: more takes longer to open
LEVEL = 3
MAX_TEXT = 1 << 30  # octets of one group; far above what one message may say

COLUMNS = ("own", "header", "body")

TRAINED = ("header", "body")  # columns with a dictionary
ENOUGH = 512  # messages that tell what should be in it
SAMPLES, SAMPLE = 1024, 2048  # messages that are looked at, and octets of each
DICTIONARY = 112 * 1024  # octets
# What is cut out of the samples; to have zstd try several sizes takes ten times as long and is no better.
SEGMENT, WITHIN = 600, 8

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


class Packing:
    """How the pieces of each column are compressed: with these dictionaries."""

    def __init__(self, dictionaries: Mapping[str, bytes]) -> None:
        self.octets = sum(map(len, dictionaries.values()))
        self._compressors = dict.fromkeys(COLUMNS, _COMPRESSOR)
        self._decompressors = dict.fromkeys(COLUMNS, _DECOMPRESSOR)
        self._dictionaries: dict[str, zstandard.ZstdCompressionDict] = {}
        for column, octets in dictionaries.items():
            made = self._dictionaries[column] = zstandard.ZstdCompressionDict(octets)
            self._decompressors[column] = zstandard.ZstdDecompressor(dict_data=made)

    def compress(self, column: str, octets: bytes) -> bytes:
        made = self._dictionaries.pop(column, None)
        if made is not None:  # it is of no use to who only reads
            made.precompute_compress(level=LEVEL)
            self._compressors[column] = zstandard.ZstdCompressor(
                level=LEVEL, write_checksum=True, write_content_size=True, dict_data=made
            )
        return self._compressors[column].compress(octets)

    def decompress(self, column: str, packed: bytes) -> bytes:
        try:
            return self._decompressors[column].decompress(packed, max_output_size=MAX_TEXT)
        except (zstandard.ZstdError, MemoryError) as error:
            raise Damaged from error


PLAIN = Packing({})


def train(documents: Sequence[Document]) -> dict[str, bytes]:
    """Dictionaries made of these; none where they are of no use for that."""
    out = {}
    for column in TRAINED:
        samples: list[bytes | bytearray | memoryview[int]] = [
            getattr(document, column)[:SAMPLE] for document in documents[:SAMPLES]
        ]
        with suppress(zstandard.ZstdError):
            out[column] = zstandard.train_dictionary(DICTIONARY, samples, k=SEGMENT, d=WITHIN).as_bytes()
    return out


def groups(documents: Iterable[tuple[int, Document]], packing: Packing = PLAIN) -> Iterator[Group]:
    """The documents of emails whose ids ascend, as groups."""
    emails: list[int] = []
    columns: tuple[list[bytes], ...] = ([], [], [])
    size = 0
    for email, document in documents:
        texts = document.own, document.header, document.body
        more = sum(map(len, texts))
        if emails and size + more > SIZE:
            yield _group(emails, columns, packing)
            emails, columns, size = [], ([], [], []), 0
        emails.append(email)
        for column, text in zip(columns, texts):
            column.append(text)
        size += more
    if emails:
        yield _group(emails, columns, packing)


def _group(emails: list[int], columns: tuple[list[bytes], ...], packing: Packing) -> Group:
    places = b"".join((_HEAD.pack(len(emails)), array("Q", emails).tobytes(), *map(_ends, columns)))
    compressors = (partial(packing.compress, column) for column in COLUMNS)
    own, header, body = map(_column, columns, (SIZE, SIZE, PIECE), compressors)
    return Group(emails[0], emails[-1], places + _HEAD.pack(crc32(places)), own, header, body)


def _column(texts: list[bytes], most: int, compress: Callable[[bytes], bytes]) -> bytes:
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


def pieces_of(column: bytes, wanted: Marks | None = None, start: int = 0) -> Iterator[Piece]:
    """All of them, or those with messages that are `wanted`; the group's first is at `start` in there."""
    try:
        (count,) = _HEAD.unpack_from(column)
        end = _HEAD.size + count * _PIECE.size
        (checksum,) = _HEAD.unpack_from(column, end)
        if checksum != crc32(column[:end]):
            raise Damaged
        at = end + _HEAD.size
        first = 0
        for number, size in _PIECE.iter_unpack(column[_HEAD.size : end]):
            if wanted is None or wanted.find(1, start + first, start + first + number) >= 0:
                yield Piece(first, first + number, column[at : at + size])
            first += number
            at += size
    except struct.error as error:
        raise Damaged from error


def whole(column: str, packed: bytes, packing: Packing = PLAIN) -> bytes:
    return b"".join(packing.decompress(column, piece.packed) for piece in pieces_of(packed))


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


def regroup(
    some: Iterable[Group], packing: Packing = PLAIN, without: frozenset[int] = frozenset()
) -> Iterator[Group]:
    """The messages of these groups in groups of a good size; not those of the emails `without`."""
    documents = ((email, document) for email, document in _documents(some, packing) if email not in without)
    return groups(documents, packing)


def _documents(some: Iterable[Group], packing: Packing) -> Iterator[tuple[int, Document]]:
    for group in some:
        places = places_of(group.places)
        texts = [
            _cut(whole(column, packed, packing), places.ends[column])
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
