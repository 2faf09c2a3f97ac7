"""IDLE (RFC 9051 6.3.13) and the DONE that ends it."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Idle:
    pass


def parse_idle(reader: Reader) -> Idle:
    return Idle()


def is_done(line: bytes) -> bool:
    """idle = "IDLE" CRLF "DONE": without regard to case, without a tag."""
    return line.upper() == b"DONE"
