"""IDLE: what changes is pushed until the client says DONE.

The doorbell only wakes; what to say is read from the store since the session's own cursor, so a ring that
is missed or comes twice means nothing. While the peer does not read nothing is made, so its news does not
pile up here: it is read when there is room again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pillarbox.imap import telling
from pillarbox.imap.outcome import Begun, Done, Outcome
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
    __slots__ = ("_deaf", "_pushing", "_session", "_tag", "_woken")

    def __init__(self, session: Session, tag: bytes) -> None:
        self._session = session
        self._tag = tag
        self._pushing: asyncio.Task[None] | None = None
        self._woken = False
        self._deaf: Callable[[], None] = session.store.listen(session.account, self._wake)
        self._wake()  # something may have changed since the last command

    def _wake(self) -> None:
        self._woken = True
        if self._pushing is None and self._session.connection.writable:
            self._pushing = asyncio.get_running_loop().create_task(self._push())

    async def _push(self) -> None:
        session = self._session
        try:
            while self._woken and session.connection.writable and not session.gone:
                self._woken = False
                if news := await telling.news_or_end(session, expunge=TABLE["IDLE"].expunge):
                    session.connection.push(news)
            if session.gone:
                session.connection.close()
        finally:
            self._pushing = None

    def writable_again(self) -> None:
        if self._woken:
            self._wake()

    async def line(self, line: bytes) -> Answer:
        return await self._session.conclude(self._tag, TABLE["IDLE"], self._finish(line))

    async def _finish(self, line: bytes) -> Outcome:
        self._deaf()
        if self._pushing is not None:
            await asyncio.wait([self._pushing])  # the view is one task's at a time
        self._session.resume()
        # RFC 9051 6.3.13: only DONE may come. Anything else ends the command too, else it would never end.
        if not wire.is_done(line) or self._session.connection.bare_lf:
            raise PeerSyntax("DONE expected")
        return Done("IDLE terminated")

    def octets(self, piece: bytes, last: bool) -> Answer:
        raise AssertionError("IDLE asks for lines only")

    def closed(self) -> None:
        self._deaf()
        if self._pushing is not None:
            self._pushing.cancel()
