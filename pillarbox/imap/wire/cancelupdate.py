"""CANCELUPDATE (RFC 5267 4.3.5)."""

from dataclasses import dataclass

from pillarbox.imap.wire.limits import CANCELLED_TAGS
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """`tags`: of the commands that asked for updates."""

    tags: tuple[bytes, ...]


def parse_cancelupdate(reader: Reader) -> CancelUpdate:
    """ "CANCELUPDATE" 1*(SP quoted)"""
    tags: list[bytes] = []
    while not tags or not reader.at_end():
        reader.space()
        if reader.peek() != b'"':
            reader.fail("A quoted tag")
        if len(tags) == CANCELLED_TAGS:
            raise PeerSyntax(f"More than {CANCELLED_TAGS} tags in one CANCELUPDATE")
        tags.append(reader.string("A tag"))
    return CancelUpdate(tuple(tags))
