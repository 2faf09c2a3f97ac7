"""COMPRESS (RFC 4978)."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Compress:
    """With DEFLATE: there is no other algorithm."""


def parse_compress(reader: Reader) -> Compress:
    """compress = "COMPRESS" SP algorithm"""
    reader.space()
    if reader.word("DEFLATE") != "DEFLATE":
        reader.fail("DEFLATE")
    return Compress()
