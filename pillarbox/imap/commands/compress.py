"""COMPRESS. What it begins is the net driver's: a session never sees a compressed octet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import compress as wire
from pillarbox.model.errors import PeerSyntax

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def compress(session: Session, tag: bytes, command: wire.Compress) -> Outcome:
    # RFC 4978 3: BAD for COMPRESS twice. NO [COMPRESSIONACTIVE] is for compression by another layer, and
    # there is none: `net.tls` has TLS compress nothing.
    if session.connection.compressed:
        raise PeerSyntax("DEFLATE is active already, by COMPRESS")
    session.connection.start_compress()
    return Done("DEFLATE active")
