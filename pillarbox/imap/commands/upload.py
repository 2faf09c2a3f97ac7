"""A command with messages in it: octets go to the store's staging as they come in.

A message is refused when its literal is announced, before its octets are asked for. A client that does
not wait (LITERAL+) sends them anyway: they are read and dropped, and the command is answered at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import append as wire
from pillarbox.imap.wire import limits
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.literal import literal_at_end
from pillarbox.imap.wire.response import Continue, MessageLimit
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.net.session import Answer, Line, Octets
from pillarbox.store import mailboxes
from pillarbox.store.messages import Incoming

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.table import Row
    from pillarbox.store.mailboxes import MailboxRow
    from pillarbox.store.staging import Staging


class Filing(Protocol):
    """What becomes of the messages: APPEND and REPLACE."""

    several: bool  # messages in one command

    def look(self) -> None:
        """Refuse, before the octets come, what can be refused then."""

    async def put(self, mailbox: MailboxRow, messages: list[Incoming]) -> Outcome:
        """All of them, or none and `Refused`."""


class TooManyAtOnce(Refused):
    """More messages than one command may save (RFC 9738)."""

    def __init__(self) -> None:
        super().__init__("These are too many messages for one command", Code.LIMIT)


@dataclass(slots=True)
class _Coming:
    """The message that is coming in."""

    head: wire.Message
    staging: Staging


class Upload:
    """The command from the announcement of its first message to its end."""

    __slots__ = (
        "_coming",
        "_failure",
        "_filing",
        "_held",
        "_incoming",
        "_mailbox",
        "_path",
        "_row",
        "_session",
        "_tag",
    )

    def __init__(self, session: Session, tag: bytes, row: Row, command: wire.Append, filing: Filing) -> None:
        self._session = session
        self._tag = tag
        self._row = row
        self._filing = filing
        self._path = command.mailbox
        self._mailbox: MailboxRow | None = None
        self._coming = _Coming(command.message, session.store.staging())
        self._incoming: list[Incoming] = []
        self._held = 0  # octets of `_incoming` in memory
        self._failure: Exception | None = None  # why the command will be refused; the rest is dropped

    async def begin(self) -> Answer:
        """The first message has been announced."""
        session = self._session
        try:
            self._filing.look()
            self._mailbox = await session.store.read(
                session.account, mailboxes.find, session.actor, self._path
            )
            if self._mailbox is None or not self._mailbox.selectable:
                raise Refused("There is no such mailbox", Code.TRYCREATE)  # RFC 9051 6.3.12
        except Exception as error:
            self._failure = error
        return await self._announced()

    async def _announced(self) -> Answer:
        """A message of this size is to come: ask for it, wait for it, or end the command."""
        session, literal = self._session, self._coming.head.literal
        settings = session.services.settings
        limit = settings.append_limit
        if self._failure is None and len(self._incoming) == settings.save_limit:
            self._fail(TooManyAtOnce())
        if literal.size > limit and self._failure is None:
            self._failure = Refused(f"A message has at most {limit} octets", Code.TOOBIG)
        if self._failure is not None and literal.sync:
            return await self._end()  # the client hears NO instead of "+" and sends nothing
        if literal.size > session.most_dropped:
            return session.bye("The message is too large", Code.TOOBIG)
        session.wants = Octets(literal.size)
        return encode(Continue("Go ahead"), session.kind) if literal.sync else None

    async def octets(self, piece: bytes, last: bool) -> Answer:
        if self._failure is None:
            try:
                await self._take(piece, last)
            except Exception as error:
                self._fail(error)
        if last:
            self._session.wants = Line(limits.LINE)
        return None

    async def _take(self, piece: bytes, last: bool) -> None:
        coming = self._coming
        await coming.staging.write(piece)
        if not last:
            return
        # Deviates: RFC 6855 4 and RFC 9755 3 have 8-bit header fields refused until UTF8=ACCEPT is enabled.
        # Real mail has them, and refusing would make clients that file or migrate it lose it.
        staged = await coming.staging.finish()
        self._held += len(staged.data or b"") + len(staged.derived.structure) + len(staged.derived.offsets)
        if self._held > self._session.services.settings.append_memory:
            raise Refused("These are too many messages for one command", Code.LIMIT)
        date = coming.head.date
        self._incoming.append(
            Incoming(staged, coming.head.flags, date.at if date else None, date.zone if date else 0)
        )

    async def line(self, line: bytes) -> Answer:
        """What follows a message: the end of the command, or the announcement of another one."""
        session = self._session
        try:
            if session.connection.bare_lf:
                raise PeerSyntax("A line ends in CR LF")
            more = wire.following(line, self._coming.head, session.kind.utf8)
            if more is not None and not self._filing.several:
                raise PeerSyntax(f"{self._row.name} takes one message")
        except PeerSyntax as error:
            self._fail(error)
            return await self._skip(line)
        if more is None:
            return await self._end()
        self._coming = _Coming(more, session.store.staging())
        return await self._announced()

    async def _skip(self, line: bytes) -> Answer:
        """The line makes no sense; if it announces octets that come unasked, they belong to it."""
        session = self._session
        literal = literal_at_end(line)
        if literal is None or literal.sync:
            return await self._end()
        if literal.size > session.most_dropped:
            return session.bye("The message is too large", Code.TOOBIG)
        self._coming = _Coming(wire.Message((), None, literal), session.store.staging())
        session.wants = Octets(literal.size)
        return None

    def _fail(self, error: Exception) -> None:
        """Keep the first failure, and nothing of the messages."""
        if self._failure is None:
            self._failure = error
        self._drop()

    def _drop(self) -> None:
        self._coming.staging.abandon()
        self._incoming.clear()

    async def _end(self) -> Answer:
        session = self._session
        session.resume()
        return await session.conclude(self._tag, self._row, self._file())

    async def _file(self) -> Outcome:
        """All messages into the mailbox, or none (RFC 3502 6.3.11)."""
        limit = self._session.services.settings.save_limit
        if isinstance(self._failure, TooManyAtOnce) and limit is not None:
            return Done(self._failure.text, MessageLimit(limit), condition="NO")
        if self._failure is not None:
            raise self._failure
        assert self._mailbox is not None
        session = self._session
        store, account = session.store, session.account
        placed: list[Incoming] = []
        try:
            for item in self._incoming:
                staged = await store.place(account, item.staged)
                placed.append(Incoming(staged, item.flags, item.internal_at, item.internal_tz))
            return await self._filing.put(self._mailbox, placed)
        except Refused:
            for item in placed:
                await store.withdraw(account, item.staged)
            raise

    def writable_again(self) -> None:
        pass

    def closed(self) -> None:
        self._drop()
