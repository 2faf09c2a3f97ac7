"""UIDBATCHES and its answer (RFC 10022)."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind, quoted


@dataclass(frozen=True, slots=True)
class UidBatches:
    """`size` messages a batch. `batches`: the first and the last that are wanted, as the client wrote them;
    None for all."""

    size: int
    batches: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """`* UIDBATCHES (TAG "a1") 99:51,50:1`: the highest and the lowest UID of each batch."""

    tag: bytes
    ranges: tuple[tuple[int, int], ...]


def parse_uidbatches(reader: Reader) -> UidBatches:
    """message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]   (RFC 10022 4)"""
    reader.space()
    size = reader.nz_number("A number of messages")
    if not reader.maybe(b" "):
        return UidBatches(size)
    first = reader.nz_number("The number of a batch")
    reader.expect(b":")
    return UidBatches(size, (first, reader.nz_number("The number of a batch")))


def encode_batches(response: Batches, kind: Kind) -> bytes:
    """uidbatches-response = "UIDBATCHES" search-correlator [SP uid-range *("," uid-range)]"""
    line = b"* UIDBATCHES (TAG %b)" % quoted(response.tag)
    if response.ranges:
        line += b" " + b",".join([b"%d:%d" % each for each in response.ranges])
    return line + b"\r\n"
