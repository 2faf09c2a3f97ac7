"""A command with messages in it: octets go to the store's staging as they come in.

A message is refused when its literal is announced, before its octets are asked for, or when a URL in it is no
good. A client that does not wait (LITERAL+) sends the rest anyway: it is read and dropped, and the command
is answered at its end.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pillarbox.imap.commands.catenate import Catenation, UnusableUrl, too_big
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import append as wire
from pillarbox.imap.wire import limits
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.literal import literal_at_end
from pillarbox.imap.wire.response import BadUrl, Continue, MessageLimit
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.model.names import SEPARATOR
from pillarbox.net.session import Answer, Line, Octets
from pillarbox.store import mailboxes
from pillarbox.store.messages import Incoming
from pillarbox.store.tx import Busy

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.table import Row
    from pillarbox.store.mailboxes import MailboxRow
    from pillarbox.store.staged import Staged
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


_LINE = Line(limits.LINE)
_USUAL = wire.Message((), None)


def _memory(staged: Staged) -> int:
    """Octets that a message holds until the command ends."""
    return len(staged.data or b"") + len(staged.derived.structure) + len(staged.derived.offsets)


@dataclass(slots=True)
class _Coming:
    """The message that is coming in."""

    head: wire.Message
    staging: Staging


class Upload:
    """The command from the announcement of its first literal to its end; or all of it at once (`whole`), when
    its messages consist of what URLs name."""

    __slots__ = (
        "_announced",
        "_catenated",
        "_catenation",
        "_coming",
        "_failure",
        "_filing",
        "_held",
        "_incoming",
        "_mailbox",
        "_row",
        "_session",
        "_start",
        "_tag",
        "_url",
    )

    def __init__(self, session: Session, tag: bytes, row: Row, command: wire.Append, filing: Filing) -> None:
        self._session = session
        self._tag = tag
        self._row = row
        self._filing = filing
        self._start = command
        self._mailbox: MailboxRow | None = None
        self._coming: _Coming | None = None
        self._catenated = False  # the message that comes in has parts
        self._announced: wire.Announced | None = None  # the literal that comes
        self._url: list[bytes] = []  # of it, when it is a URL
        self._catenation = Catenation(session)
        self._incoming: list[Incoming] = []
        self._held = 0  # octets of `_incoming` in memory
        self._failure: Exception | None = None  # why the command will be refused; the rest is dropped

    async def begin(self) -> Answer:
        """The first literal has been announced."""
        await self._look()
        return await self._go(self._start.steps)

    async def whole(self) -> Outcome:
        """There is no literal."""
        await self._look()
        for step in self._start.steps:
            await self._do(step)
        return await self._file()

    async def _look(self) -> None:
        try:
            self._filing.look()
            self._mailbox = await self._found(self._start.mailbox)
            if self._mailbox is None or not self._mailbox.selectable:
                raise Refused("There is no such mailbox", Code.TRYCREATE)  # RFC 9051 6.3.12
        except Exception as error:
            self._failure = error

    async def _found(self, path: str) -> MailboxRow | None:
        session = self._session
        if SEPARATOR not in path and session.actor.owner:  # whose mailboxes at the top are one statement each
            with suppress(Busy):
                return session.store.glance(session.account, mailboxes.find, session.actor, path)
        return await session.store.read(session.account, mailboxes.find, session.actor, path)

    async def _go(self, steps: tuple[wire.Step, ...]) -> Answer:
        """What a line says, up to the literal it announces or the end of the command."""
        for step in steps:
            if isinstance(step, wire.Announced):
                return await self._ask(step)
            await self._do(step)
        return await self._end()

    async def _do(self, step: wire.Step) -> None:
        if isinstance(step, wire.Message):
            self._catenated = step.catenated
        if self._failure is not None:
            return
        try:
            match step:
                case wire.Message():
                    self._begin_message(step)
                case wire.Url(written):
                    await self._catenation.add(written, self._staging)
                case wire.End():
                    await self._end_message()
        except Exception as error:
            self._fail(error)

    def _begin_message(self, head: wire.Message) -> None:
        if self._coming is not None and not self._filing.several:
            raise PeerSyntax(f"{self._row.name} takes one message")
        if len(self._incoming) == self._session.services.settings.save_limit:
            raise TooManyAtOnce
        self._coming = _Coming(head, self._session.store.staging())

    async def _ask(self, announced: wire.Announced) -> Answer:
        """A literal of this size is to come: ask for it, wait for it, or end the command."""
        session, literal = self._session, announced.literal
        limit = session.services.settings.append_limit
        self._announced = announced
        if self._failure is None:
            if isinstance(announced, wire.UrlLiteral):
                if literal.size > limits.URL:
                    self._fail(Refused(f"A URL has at most {limits.URL} octets", Code.TOOBIG))
            elif self._staging.size + literal.size > limit:
                self._fail(too_big(limit))
        if self._failure is not None and literal.sync:
            return await self._end()  # the client hears NO instead of "+" and sends nothing
        if literal.size > session.most_dropped:
            return session.bye("The message is too large", Code.TOOBIG)
        session.wants = Octets(literal.size)
        return encode(Continue("Go ahead"), session.kind) if literal.sync else None

    def octets(self, piece: bytes, last: bool) -> Answer | Awaitable[Answer]:
        if self._failure is None and type(self._announced) is wire.Text and self._staging.hold(piece):
            if last:
                self._session.wants = _LINE
            return None
        return self._octets(piece, last)

    async def _octets(self, piece: bytes, last: bool) -> Answer:
        if self._failure is None:
            try:
                await self._take(piece, last)
            except Exception as error:
                self._fail(error)
        if last:
            self._session.wants = _LINE
        return None

    async def _take(self, piece: bytes, last: bool) -> None:
        if not isinstance(self._announced, wire.UrlLiteral):
            await self._staging.write(piece)
            return
        self._url.append(piece)
        if last:
            written, self._url = b"".join(self._url), []
            await self._catenation.add(written, self._staging)

    async def _end_message(self) -> None:
        coming = self._coming
        assert coming is not None
        # Deviates: RFC 6855 4 and RFC 9755 3 have 8-bit header fields refused until UTF8=ACCEPT is enabled.
        # Real mail has them, and refusing would make clients that file or migrate it lose it.
        staged = await coming.staging.finish()
        if self._held + _memory(staged) > self._session.services.settings.append_memory:
            raise Refused("These are too many messages for one command", Code.LIMIT)
        self._keep(coming.head, staged)

    def _keep(self, head: wire.Message, staged: Staged) -> None:
        self._held += _memory(staged)
        date = head.date
        self._incoming.append(
            Incoming(staged, head.flags, date.at if date else None, date.zone if date else 0)
        )

    @property
    def _staging(self) -> Staging:
        assert self._coming is not None
        return self._coming.staging

    def line(self, line: bytes) -> Answer | Awaitable[Answer]:
        """What follows a literal: the end of the command, or the announcement of another one."""
        return None if self._goes_on(line) else self._line(line)

    def _goes_on(self, line: bytes) -> bool:
        """Is this a usual message that has come, and one like it that is announced? Then that is done,
        else nothing is. By the thousand messages, coroutines and steps cost more than what they do."""
        if self._failure is not None or self._catenated or not self._filing.several:
            return False
        session = self._session
        after, coming, literal = self._announced, self._coming, wire.plain(line)
        if type(after) is not wire.Text or after.utf8 or coming is None or literal is None:
            return False
        settings = session.services.settings
        if (
            session.connection.bare_lf
            or literal.size > settings.append_limit
            or len(self._incoming) + 1 == settings.save_limit
        ):
            return False
        try:
            staged = coming.staging.finish_now()
        except Exception:
            return False  # the long way meets it again and tells of it
        if staged is None or self._held + _memory(staged) > settings.append_memory:
            return False
        self._keep(coming.head, staged)
        self._coming = _Coming(_USUAL, session.store.staging())
        self._announced = wire.Text(literal)
        session.wants = Octets(literal.size)
        return True

    async def _line(self, line: bytes) -> Answer:
        session, after = self._session, self._announced
        assert after is not None
        try:
            if session.connection.bare_lf:
                raise PeerSyntax("A line ends in CR LF")
            steps = wire.following(line, after, catenated=self._catenated, utf8=session.kind.utf8)
        except PeerSyntax as error:
            self._fail(error)
            return await self._skip(line)
        return await self._go(steps)

    async def _skip(self, line: bytes) -> Answer:
        """The line makes no sense; if it announces octets that come unasked, they belong to it."""
        session = self._session
        literal = literal_at_end(line)
        if literal is None or literal.sync:
            return await self._end()
        if literal.size > session.most_dropped:
            return session.bye("The message is too large", Code.TOOBIG)
        self._announced = wire.Text(literal)
        session.wants = Octets(literal.size)
        return None

    def _fail(self, error: Exception) -> None:
        """Keep the first failure, and nothing of the messages."""
        if self._failure is None:
            self._failure = error
        self._drop()

    def _drop(self) -> None:
        if self._coming is not None:
            self._coming.staging.abandon()
        self._incoming.clear()
        self._url.clear()

    async def _end(self) -> Answer:
        session = self._session
        session.resume()
        return await session.conclude(self._tag, self._row, self._file())

    async def _file(self) -> Outcome:
        """All messages into the mailbox, or none (RFC 3502 6.3.11)."""
        limit = self._session.services.settings.save_limit
        if isinstance(self._failure, TooManyAtOnce) and limit is not None:
            return Done(self._failure.text, MessageLimit(limit), condition="NO")
        if isinstance(self._failure, UnusableUrl):
            url = self._failure.url
            return Done(self._failure.text, BadUrl(url) if url else None, condition="NO")
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
