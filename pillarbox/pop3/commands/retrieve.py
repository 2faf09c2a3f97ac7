"""RETR and TOP: a message, or the top of one, in pieces that are read as the client takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pillarbox.message.surrogate import surrogate
from pillarbox.pop3.settings import MOST_HEADER
from pillarbox.pop3.wire import command as wire
from pillarbox.pop3.wire.answer import Answer, Content

if TYPE_CHECKING:
    from pillarbox.pop3.session import Session
    from pillarbox.store.blobs import Blob

PIECE = 64 * 1024
SHORT = 8 * 1024  # octets of a header that is made ASCII in a millisecond


async def retr(session: Session, command: wire.Retr) -> Answer:
    blob, header_size = await session.opened_maildrop.open(command.number)
    if blob.size <= PIECE:
        whole = blob.read(0, blob.size)
        if session.utf8 or whole.isascii() or whole[:header_size].isascii():
            return Content(f"{blob.size} octets", iter((whole,)))
    header, body = await _pieces(blob, header_size, utf8=session.utf8)
    return Content(f"{blob.size} octets", chain(header, body))


async def top(session: Session, command: wire.Top) -> Answer:
    blob, header_size = await session.opened_maildrop.open(command.number)
    header, body = await _pieces(blob, header_size, utf8=session.utf8)
    return Content("The top of the message", chain(header, lines(body, command.lines)))


def lines(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The first `most` lines. One ends at its LF, also where that has no CR: such a one is sent as CRLF."""
    for piece in pieces:
        if not most:
            return
        found = piece.count(b"\n")
        if found < most:
            most -= found
            yield piece
            continue
        end = 0
        for _ in range(most):
            end = piece.index(b"\n", end) + 1
        yield piece[:end]
        return


async def _pieces(blob: Blob, header_size: int, *, utf8: bool) -> tuple[Iterable[bytes], Iterable[bytes]]:
    """Header and body."""
    if utf8:
        return _read(blob, 0, header_size), _read(blob, header_size, blob.size)
    # RFC 6856 2.1: who has not said UTF8 is sent no header but in ASCII, so it is looked at before it goes.
    # Deviates: RFC 6858 2.2: the headers of body parts go as they came, 8-bit parameters included; bodies are
    # not looked into.
    header = blob.read(0, min(header_size, MOST_HEADER))
    if header_size > MOST_HEADER:
        # RFC 6858 2.4: fields that cannot be presented go, and those that nobody has looked at are such.
        header = header[: header.rfind(b"\n") + 1]
    elif header.isascii():
        return (header,), _read(blob, header_size, blob.size)
    if len(header) <= SHORT:
        header = surrogate(header)
    else:
        header = await asyncio.get_running_loop().run_in_executor(None, surrogate, header)
    return (header,), _read(blob, header_size, blob.size)


def _read(blob: Blob, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        stop = min(start + PIECE, end)
        yield blob.read(start, stop)
        start = stop
