"""What belongs to a segment, kept in its row behind a checksum.

SQLite has none: a row that a damaged page loses, or gives another number, is just not there, and who looks
for its words would find nothing and believe it. So a segment says what there has to be.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from pillarbox.store.index.database import span_of
from pillarbox.store.index.texts import Damaged, compress, decompress

_HEAD = struct.Struct("<QQQI")


class Manifest(NamedTuple):
    """`vocabularies`: the ids of all that there are."""

    segment: int
    first: int
    last: int
    messages: int
    vocabularies: frozenset[int]


def pack(segment: int, first: int, last: int, messages: int, vocabularies: Iterable[int]) -> bytes:
    low, _ = span_of(segment)
    listed = bytes(sorted(number - low for number in vocabularies))
    return compress(_HEAD.pack(segment, first, last, messages) + listed)


def unpack(segment: int, packed: bytes) -> Manifest:
    """Of the row with this id."""
    octets = decompress(packed)
    number, first, last, messages = _HEAD.unpack_from(octets)
    if number != segment:
        raise Damaged
    low, _ = span_of(segment)
    return Manifest(number, first, last, messages, frozenset(low + one for one in octets[_HEAD.size :]))
