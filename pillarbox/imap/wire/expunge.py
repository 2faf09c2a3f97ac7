"""EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9), and how it is told that messages are gone."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Numbers, Reader
from pillarbox.imap.wire.strings import Kind
from pillarbox.model.numbers import Runs
from pillarbox.model.numbers import text as set_text

RUNS = 500  # in one VANISHED: clients read lines into buffers, and one may say it in several


@dataclass(frozen=True, slots=True)
class Expunge:
    """`numbers` is None for EXPUNGE and a UID set for UID EXPUNGE."""

    numbers: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Expunged:
    """`* n EXPUNGE` as (message number, times): a run that goes repeats one number, because every
    EXPUNGE renumbers what follows (RFC 9051 7.5.1)."""

    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Vanished:
    """`* VANISHED` of RFC 7162 3.2.10: messages that the client still counted; with `earlier`, those that it
    does not count, and may know from before. Nothing is sent where there are none."""

    uids: Runs
    earlier: bool = False


def parse_expunge(reader: Reader) -> Expunge:
    return Expunge()


def parse_uid_expunge(reader: Reader) -> Expunge:
    reader.space()
    return Expunge(reader.numbers())


def encode_expunged(response: Expunged, kind: Kind) -> bytes:
    return b"".join([b"* %d EXPUNGE\r\n" % number * times for number, times in response.runs])


def encode_vanished(response: Vanished, kind: Kind) -> bytes:
    """expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids"""
    earlier = b" (EARLIER)" if response.earlier else b""
    lines = []
    for start in range(0, len(response.uids), RUNS):
        some = set_text(response.uids[start : start + RUNS]).encode("ascii")
        lines.append(b"* VANISHED%b %b\r\n" % (earlier, some))
    return b"".join(lines)
