"""The octets that BODY[...], BINARY[...] and BINARY.SIZE[...] mean, out of one message.

Small ones as `bytes`; a stretch of the message as it is that is large, as a `Stream` that reads it in
pieces. A part that must be decoded is decoded whole, on a thread where that takes long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pillarbox.imap.wire.fetch import Item, Partial
from pillarbox.imap.wire.fetch_plan import Content, Stream
from pillarbox.message import parts, section
from pillarbox.message.decode import UnknownEncoding, transfer_decode
from pillarbox.message.parts import Layout, Part, PartTable
from pillarbox.model.errors import Code, Refused
from pillarbox.store.blobs import Blob

WHOLE = 128 * 1024  # octets held and sent as one
PIECE = 64 * 1024
IDENTITY = frozenset(("", "7bit", "8bit", "binary"))  # transfer encodings that encode nothing


async def contents(items: Sequence[Item], row: Mapping[str, Any], blob: Blob) -> list[Content]:
    """What is written for each item. `row`: the message's columns by name."""
    offsets = row.get("offsets")
    layout = None if offsets is None else parts.layout(offsets)
    out: list[Content] = []
    for item in items:
        if item.what == "SECTION":
            out.append(section_of(item, row.get("header_size", 0), layout, blob))
        else:
            out.append(await _binary(item, offsets and parts.unpack(offsets), blob))
    return out


def section_of(item: Item, header_size: int, layout: Layout | None, blob: Blob) -> Content:
    found = _found(item, header_size, layout, blob.size)
    if found is None:
        return None
    start, end = found
    if item.section is not None and item.section.fields:
        return _fields(item, blob.read(start, end))
    start, end = _within(found, item.partial)
    if end - start <= WHOLE:
        return blob.read(start, end)
    return Stream(end - start, _pieces(blob, start, end))


def octets_of(item: Item, header_size: int, layout: Layout | None, octets: bytes) -> bytes | None:
    """`section_of` where all octets of the message are at hand."""
    found = _found(item, header_size, layout, len(octets))
    if found is None:
        return None
    start, end = found
    if item.section is not None and item.section.fields:
        return _fields(item, octets[start:end])
    start, end = _within(found, item.partial)
    return octets[start:end]


def _found(item: Item, header_size: int, layout: Layout | None, size: int) -> tuple[int, int] | None:
    """RFC 9051 6.4.5.1: a part that is not there is NIL."""
    wanted = item.section
    assert wanted is not None
    # Deviates: RFC 9755 9 wants header fields all ASCII, as RFC 5322 has them, where UTF8=ACCEPT is not
    # enabled. They are sent as they came: a surrogate would break signatures, and be another message
    # under its UID.
    if layout is not None:
        return parts.locate(layout, wanted)
    if not wanted.what:
        return 0, size
    return (header_size, size) if wanted.what == "TEXT" else (0, header_size)


def _fields(item: Item, header: bytes) -> bytes:
    """What HEADER.FIELDS and HEADER.FIELDS.NOT select."""
    assert item.section is not None
    names = frozenset(name.lower() for name in item.section.fields)
    return _cut(section.fields(header, names, item.section.what == "HEADER.FIELDS.NOT"), item.partial)


async def _binary(item: Item, table: PartTable | None, blob: Blob) -> Content:
    """RFC 9051 6.4.5.2: the part without its transfer encoding; of the whole message, the message."""
    assert item.section is not None
    part = None if table is None else parts.find(table, item.section.path)
    if table is not None and part is None:
        return 0 if item.what == "BINARY.SIZE" else None
    if part is None or part.children or not item.section.path or _is_identity(part):
        # Composite parts have no transfer encoding of their own (RFC 2045 6.4).
        start, end = (0, blob.size) if part is None or not item.section.path else (part.body, part.end)
        if item.what == "BINARY.SIZE":
            return end - start
        start, end = _within((start, end), item.partial)
        return (
            blob.read(start, end) if end - start <= WHOLE else Stream(end - start, _pieces(blob, start, end))
        )
    decoded = await _decoded(part, blob)
    return len(decoded) if item.what == "BINARY.SIZE" else _cut(decoded, item.partial)


def _is_identity(part: Part) -> bool:
    return part.encoding in IDENTITY


async def _decoded(part: Part, blob: Blob) -> bytes:
    def decode() -> bytes:
        return transfer_decode(blob.read(part.body, part.end), part.encoding)

    try:
        if part.end - part.body <= WHOLE:
            return decode()
        return await asyncio.get_running_loop().run_in_executor(None, decode)
    except UnknownEncoding:
        raise Refused("The part has an unknown transfer encoding", Code.UNKNOWN_CTE) from None


def _within(found: tuple[int, int], partial: Partial | None) -> tuple[int, int]:
    """RFC 9051 6.4.5: a partial that begins beyond the end is empty, one that ends there is cut."""
    start, end = found
    if partial is None:
        return found
    start = min(start + partial.first, end)
    return start, min(start + partial.count, end)


def _cut(octets: bytes, partial: Partial | None) -> bytes:
    start, end = _within((0, len(octets)), partial)
    return octets[start:end]


def _pieces(blob: Blob, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        stop = min(start + PIECE, end)
        yield blob.read(start, stop)
        start = stop
