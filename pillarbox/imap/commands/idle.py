"""IDLE: what changes is pushed until the client says DONE.

How that goes is `pushing`. A client that uses NOTIFY hears during IDLE of the very same events as before and
after (RFC 5465 4), only that now expunges may be told that had to wait.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pillarbox.imap import telling, untold
from pillarbox.imap.outcome import Begun, Done, Outcome
from pillarbox.imap.pushing import Pushing
from pillarbox.imap.table import TABLE
from pillarbox.imap.wire import idle as wire
from pillarbox.imap.wire.response import Continue
from pillarbox.model.errors import PeerSyntax
from pillarbox.net.session import Answer

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def idle(session: Session, tag: bytes, command: wire.Idle) -> Outcome:
    session.dialogue = Idling(session, tag)
    return Begun(Continue("idling"))


class Idling:
    __slots__ = ("_pushing", "_session", "_tag")

    def __init__(self, session: Session, tag: bytes) -> None:
        self._session = session
        self._tag = tag
        session.idling = True
        if session.pushing is None:
            session.pushing = Pushing(session, self._news)
        self._pushing = session.pushing

    async def _news(self) -> AsyncGenerator[bytes, None]:
        if news := await telling.news_or_end(self._session, expunge=TABLE["IDLE"].expunge):
            yield news
        async for piece in untold.pieces(self._session):
            yield piece

    async def line(self, line: bytes) -> Answer:
        return await self._session.conclude(self._tag, TABLE["IDLE"], self._finish(line))

    async def _finish(self, line: bytes) -> Outcome:
        session = self._session
        await self._pushing.settle()  # the view is one task's at a time
        session.idling = False
        if session.notified is None:
            session.stop_pushing()
        session.resume()
        # RFC 9051 6.3.13: only DONE may come. Anything else ends the command too, else it would never end.
        if not wire.is_done(line) or session.connection.bare_lf:
            raise PeerSyntax("DONE expected")
        return Done("IDLE terminated")

    def octets(self, piece: bytes, last: bool) -> Answer:
        raise AssertionError("IDLE asks for lines only")

    def writable_again(self) -> None:
        pass

    def closed(self) -> None:
        pass
