"""CATENATE (RFC 4469): what a URL names becomes part of a message that comes in.

Octets go from the store to the staging in pieces, so a part costs as little memory as a literal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pillarbox.imap.referred import Referred, refer
from pillarbox.imap.settings import MAX_CATENATED
from pillarbox.imap.wire import url as wire
from pillarbox.imap.wire.fetch_plan import Stream
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.store import mailboxes

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.store.staging import Staging

URLS_AT_ONCE = 4  # before others have their turn: each may be a header of 128 KiB


class UnusableUrl(Refused):
    """The URL names no part of a message (BADURL)."""

    def __init__(self, url: bytes) -> None:
        super().__init__("A URL does not name a message or a part of one")
        self.url = url


class Catenation:
    """The URLs of one command."""

    __slots__ = ("_base", "_brought", "_count", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base: str | None = None  # the name of the selected mailbox, once it is needed
        self._brought = 0  # octets
        self._count = 0

    async def add(self, written: bytes, staging: Staging) -> None:
        """The octets of what the URL names, or `Refused`."""
        self._count += 1
        if self._count % URLS_AT_ONCE == 0:
            await asyncio.sleep(0)
        referred = await self._referred(written)
        content = None if referred is None else await referred.content()
        if content is None or isinstance(content, int):
            raise UnusableUrl(written)
        size = content.size if isinstance(content, Stream) else len(content)
        limit = self._session.services.settings.append_limit
        self._brought += size
        if staging.size + size > limit:
            raise too_big(limit)
        if self._brought > MAX_CATENATED * limit:
            raise Refused("The URLs of one command bring too much", Code.LIMIT)
        if isinstance(content, Stream):
            for piece in content.pieces:
                await staging.write(piece)
        else:
            await staging.write(content)

    async def _referred(self, written: bytes) -> Referred | None:
        session = self._session
        try:
            url = wire.parse(written, await self._selected(written))
            # RFC 4469 3: only what this session can see, so no URL that says where or who.
            if url.server is not None or url.access is not None:
                return None
            return await refer(session.store, session.account, session.actor, url)
        except PeerSyntax:
            return None

    async def _selected(self, written: bytes) -> str | None:
        """RFC 4469 3: the base of relative URLs is the selected mailbox."""
        session = self._session
        if self._base is None and session.view is not None and written.startswith(b";"):
            mailbox = session.view.shown.mailbox
            self._base = (
                await session.store.read(session.account, mailboxes.get, session.actor, mailbox)
            ).path
        return self._base


def too_big(limit: int) -> Refused:
    return Refused(f"A message has at most {limit} octets", Code.TOOBIG)
