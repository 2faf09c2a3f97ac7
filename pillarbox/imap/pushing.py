"""Telling a client what it has not asked for in this moment: during IDLE (RFC 9051 6.3.13), and between
commands where NOTIFY asked for it (RFC 5465 3.1).

Theory of operation. The doorbell only wakes; what to say is read from the store since the session's own
cursors, so a ring that is missed, late or comes twice means nothing, and no number of changes piles anything
up here. Nothing is made while the peer does not read, nor while a command is in progress: its answer would
be torn apart. The end of a command and a peer that reads again wake too. A command that comes while
something is being told waits until that is over (`settle`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

PIECE = 64 * 1024  # octets written before the peer must have taken some


class Pushing:
    __slots__ = ("_deaf", "_later", "_room", "_session", "_task", "_woken", "pieces")

    def __init__(self, session: Session, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        """`pieces` makes what is to be said now, each time it is called."""
        self._session = session
        self.pieces = pieces
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None  # done when the peer reads again
        self._later: asyncio.Handle | None = None
        self._woken = False
        self._deaf: Callable[[], None] = session.store.listen(session.account, self.wake)

    @property
    def busy(self) -> bool:
        return self._task is not None

    def wake(self) -> None:
        self._woken = True
        self._begin()

    def writable_again(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._begin()

    async def settle(self) -> None:
        """Wait until what is being said has been said."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        """Hear of nothing more."""
        self._deaf()
        self._woken = False
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def closed(self) -> None:
        self.stop()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        session = self._session
        if not self._woken or self._task is not None or self._later is not None or not session.quiet:
            return
        if not session.connection.writable:
            return
        loop = asyncio.get_running_loop()
        if session.connection.answering:
            # The command is over, and its answer just about to be written.
            self._later = loop.call_soon(self._again)
        else:
            self._task = loop.create_task(self._push())

    def _again(self) -> None:
        self._later = None
        self._begin()

    async def _push(self) -> None:
        session = self._session
        try:
            while self._woken and session.quiet and session.connection.writable and not session.gone:
                self._woken = False
                async with aclosing(cast(Any, self.pieces())) as pieces:
                    async for piece in pieces:
                        await self._say(piece)
            if session.gone:
                session.connection.close()
        except Exception as error:
            session.services.report(error)
            session.connection.close()
        finally:
            self._task = None

    async def _say(self, piece: bytes) -> None:
        connection = self._session.connection
        for at in range(0, len(piece), PIECE):
            if not connection.writable:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
                self._room = None
            connection.push(piece[at : at + PIECE])
