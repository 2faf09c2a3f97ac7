"""The folded text of messages, kept to look into: groups of some messages, compressed together.

A group holds the headers and the bodies of messages that follow each other by their emails' ids; where
each begins stands beside them. A line end follows each text, so no needle is found across two of them. A
message that is longer than a group should be is one alone.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from pillarbox.store.index.document import Document

SIZE = 64 * 1024  # octets of text a group should have: less compresses badly, more takes longer to open
LEVEL = 3
MAX_TEXT = 1 << 30  # octets of one group; far above what one message may say

_COMPRESSOR = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
_DECOMPRESSOR = zstandard.ZstdDecompressor()
_HEAD = struct.Struct("<I")


class Damaged(Exception):
    """What was kept cannot be read back."""


@dataclass(frozen=True, slots=True)
class Group:
    """As it is kept. `places`: for each message its email's id, and where its header and its body end."""

    first: int
    last: int
    places: bytes
    header: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Places:
    emails: array[int]
    header_ends: array[int]
    body_ends: array[int]


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
    headers: list[bytes] = []
    bodies: list[bytes] = []
    size = 0
    for email, document in documents:
        more = len(document.header) + len(document.body)
        if emails and size + more > SIZE:
            yield _group(emails, headers, bodies)
            emails, headers, bodies, size = [], [], [], 0
        emails.append(email)
        headers.append(document.header)
        bodies.append(document.body)
        size += more
    if emails:
        yield _group(emails, headers, bodies)


def _group(emails: list[int], headers: list[bytes], bodies: list[bytes]) -> Group:
    places = b"".join(
        (
            _HEAD.pack(len(emails)),
            array("Q", emails).tobytes(),
            _ends(headers).tobytes(),
            _ends(bodies).tobytes(),
        )
    )
    header, body = (compress(b"\n".join((*texts, b""))) for texts in (headers, bodies))
    return Group(emails[0], emails[-1], places, header, body)


def _ends(texts: list[bytes]) -> array[int]:
    ends = array("I")
    at = 0
    for text in texts:
        at += len(text) + 1
        ends.append(at)
    return ends


def places_of(packed: bytes) -> Places:
    (count,) = _HEAD.unpack_from(packed)
    if len(packed) != _HEAD.size + 16 * count:
        raise Damaged
    emails, header_ends, body_ends = array("Q"), array("I"), array("I")
    at = _HEAD.size
    emails.frombytes(packed[at : at + 8 * count])
    header_ends.frombytes(packed[at + 8 * count : at + 12 * count])
    body_ends.frombytes(packed[at + 12 * count :])
    return Places(emails, header_ends, body_ends)


def regroup(some: Iterable[Group], without: frozenset[int] = frozenset()) -> Iterator[Group]:
    """The messages of these groups in groups of a good size; not those of the emails `without`."""
    return groups((email, document) for email, document in _documents(some) if email not in without)


def _documents(some: Iterable[Group]) -> Iterator[tuple[int, Document]]:
    for group in some:
        places = places_of(group.places)
        header, body = decompress(group.header), decompress(group.body)
        header_start = body_start = 0
        for email, header_end, body_end in zip(places.emails, places.header_ends, places.body_ends):
            texts = header[header_start : header_end - 1], body[body_start : body_end - 1]
            yield email, Document(*texts, {}, frozenset())
            header_start, body_start = header_end, body_end


def matching(text: bytes, ends: array[int], needle: bytes) -> list[int]:
    """The places in a group of the messages in whose text the needle is."""
    out = []
    number = 0
    at = text.find(needle)
    while at >= 0:
        number = bisect_right(ends, at, number)
        out.append(number)
        at = text.find(needle, ends[number])
    return out
