"""COMPARATOR (RFC 5255 4.7, 4.8, 4.10)."""

from dataclasses import dataclass

from pillarbox.imap.wire.limits import COMPARATORS
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.strings import Kind, astring
from pillarbox.message.collation import Comparator, matching
from pillarbox.model.errors import PeerSyntax


@dataclass(frozen=True, slots=True)
class Compare:
    """For each argument the comparators it matches."""

    wanted: tuple[tuple[Comparator, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparing:
    """`* COMPARATOR i;octet`: what is in use, and what else had matched."""

    active: str
    matched: tuple[str, ...] = ()


def parse_comparator(reader: Reader) -> Compare:
    """comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)"""
    wanted: list[tuple[Comparator, ...]] = []
    while reader.maybe(b" "):
        if len(wanted) == COMPARATORS:
            raise PeerSyntax(f"More than {COMPARATORS} comparators")
        order = reader.text(reader.astring("A comparator"), "The comparator")
        found = matching(order)
        if found is None:
            raise PeerSyntax("A comparator is named by letters, digits, and the signs ; - = . and *")
        wanted.append(tuple(found))
    return Compare(tuple(wanted))


def encode_comparing(response: Comparing, kind: Kind) -> bytes:
    """comparator-data = "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]"""
    line = b"* COMPARATOR " + astring(response.active.encode("ascii"), kind)
    if response.matched:
        line += b" (%b)" % b" ".join([astring(name.encode("ascii"), kind) for name in response.matched])
    return line + b"\r\n"
