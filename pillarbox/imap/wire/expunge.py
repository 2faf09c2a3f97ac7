"""EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9)."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Numbers, Reader
from pillarbox.imap.wire.strings import Kind


@dataclass(frozen=True, slots=True)
class Expunge:
    """`numbers` is None for EXPUNGE and a UID set for UID EXPUNGE."""

    numbers: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Expunged:
    """`* n EXPUNGE` as (message number, times): a run that goes repeats one number, because every
    EXPUNGE renumbers what follows (RFC 9051 7.5.1)."""

    runs: tuple[tuple[int, int], ...]


def parse_expunge(reader: Reader) -> Expunge:
    return Expunge()


def parse_uid_expunge(reader: Reader) -> Expunge:
    reader.space()
    return Expunge(reader.numbers())


def encode_expunged(response: Expunged, kind: Kind) -> bytes:
    return b"".join([b"* %d EXPUNGE\r\n" % number * times for number, times in response.runs])
