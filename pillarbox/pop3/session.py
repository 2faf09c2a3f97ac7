"""A session of POP3: greeting, commands, answers. No IO.

Lines go through the table: keyword -> row -> read -> state -> handler -> answer -> octets. However a handler
fails, the session lives on; what fails in the middle of a long answer ends it, because nothing that could be
said there would be understood.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim
from pillarbox.identity.sasl import Exchange, Mechanisms
from pillarbox.model.errors import Code, NoAccount, PeerSyntax, Refused
from pillarbox.net import session as net
from pillarbox.net.session import Connection, Line
from pillarbox.pop3 import short
from pillarbox.pop3.commands.authorization import step
from pillarbox.pop3.commands.retrieve import PIECE
from pillarbox.pop3.maildrop import Maildrop
from pillarbox.pop3.settings import LINE, MAX_BAD, MAX_BAD_BEFORE_LOGIN, Settings
from pillarbox.pop3.table import TABLE, State
from pillarbox.pop3.wire.answer import (
    END,
    Answer,
    Challenge,
    Lines,
    Listing,
    Page,
    Status,
    encode_challenge,
    encode_lines,
    encode_page,
    encode_status,
    err,
    ok,
)
from pillarbox.pop3.wire.command import response, split
from pillarbox.pop3.wire.content import encode_content
from pillarbox.pop3.wire.fault import Fault

if TYPE_CHECKING:
    from pillarbox.store.store import Store

_COMMAND = Line(LINE)

TEMPORARY, PERMANENT = "SYS/TEMP", "SYS/PERM"  # RFC 3206

# RFC 3206, RFC 2449 8.1: what a client's program can do something about.
_CODES = {
    Code.AUTHENTICATIONFAILED: "AUTH",
    Code.AUTHORIZATIONFAILED: "AUTH",
    Code.EXPIRED: "AUTH",
    Code.INUSE: "IN-USE",
    Code.CORRUPTION: PERMANENT,
    Code.CONTACTADMIN: PERMANENT,
    Code.UNAVAILABLE: TEMPORARY,
}


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions of a listener share. `login` raises `Refused`; `report` takes an error of ours and
    returns the trace id under which it was logged."""

    store: Store
    login: Callable[[Claim, Channel], Awaitable[Login]]
    settings: Settings
    report: Callable[[BaseException], str]
    mechanisms: Mechanisms = field(default_factory=Mechanisms)


def refusal(hostname: str) -> bytes:
    """What one connection too many is told."""
    return encode_status(err(f"{hostname} has too many connections, try again later", TEMPORARY))


class Session:
    __slots__ = (
        "_bad",
        "_draining",
        "connection",
        "exchange",
        "failed_logins",
        "maildrop",
        "name",
        "services",
        "timeout",
        "updating",
        "utf8",
        "wants",
    )
    connection: Connection

    def __init__(self, services: Services) -> None:
        self.services = services
        self.wants = _COMMAND
        self.timeout = services.settings.login_timeout
        self.name: str | None = None  # of the USER that waits for its PASS
        self.exchange: Exchange | None = None  # the next line is a step of it
        self.maildrop: Maildrop | None = None
        self.utf8 = False
        self.updating = False  # RFC 1939 6: the UPDATE state
        self.failed_logins = 0
        self._bad = 0  # in a row
        self._draining = False

    # What the states are made of

    @property
    def state(self) -> State:
        return State.AUTHORIZATION if self.maildrop is None else State.TRANSACTION

    @property
    def opened_maildrop(self) -> Maildrop:
        """The maildrop, for the handlers that `table` lets run only when there is one."""
        assert self.maildrop is not None
        return self.maildrop

    @property
    def cleartext(self) -> bool:
        """Whether a password may be sent on this connection as it is (RFC 8314 3, RFC 2595 4)."""
        policy = self.services.settings.cleartext
        connection = self.connection
        return connection.tls or policy == "always" or (policy == "loopback" and connection.peer.is_loopback)

    @property
    def channel(self) -> Channel:
        """What a mechanism may know of this connection."""
        connection = self.connection
        info = connection.tls_info
        certified = info.certified if info is not None else ()
        # RFC 5034 4: "pop"
        return Channel("pop", connection.peer.address, connection.end_point, connection.tls, certified)

    def admit(self, maildrop: Maildrop) -> None:
        """AUTHORIZATION -> TRANSACTION."""
        self.connection.logged_in()
        self.maildrop = maildrop
        self.timeout = self.services.settings.idle_timeout

    # net.session.Session

    def opened(self, connection: Connection) -> bytes:
        self.connection = connection
        return encode_status(ok(f"Pillarbox at {self.services.settings.hostname} is ready"))

    def line(self, line: bytes) -> bytes | Awaitable[net.Answer]:
        if self.maildrop is not None and not self.connection.bare_lf:
            said = short.answer(self.maildrop, line, utf8=self.utf8)
            if said is not None:
                self._bad = 0
                return said
        exchange, self.exchange = self.exchange, None
        try:
            if self.connection.bare_lf:
                raise Fault("A line ends in CR LF")
            if exchange is not None:
                if line == b"*":
                    raise Fault("Authentication given up")  # RFC 5034 4
                return self._carry_out(step(self, exchange, response(line)))
            keyword, rest = split(line)
            row = TABLE.get(keyword)
            if row is None:
                raise Fault("There is no such command")
            command = row.read(rest)
            if self.state not in row.states:
                raise Fault(self.state.value)
        except PeerSyntax as fault:
            return self._unread(fault)
        return self._carry_out(row.do(self, command))

    def octets(self, piece: bytes, last: bool) -> bytes:
        raise AssertionError("POP3 asks for lines only")

    def overflow(self) -> bytes:
        self.exchange = None
        return self._unread(Fault("The line is too long"))

    def expired(self) -> None:
        """RFC 1939 3: closed without a word, and nothing is removed."""

    def draining(self) -> bytes | None:
        # Who has deleted something may still say QUIT, as long as the server waits.
        self._draining = True
        return None if self._deletes else self._farewell()

    def closed(self) -> None:
        self.maildrop = None
        self.exchange = None

    # Commands being carried out

    async def _carry_out(self, work: Coroutine[Any, Any, Answer]) -> net.Answer:
        try:
            answer = await work
            self._bad = 0
            return await self._encoded(answer)
        except PeerSyntax as fault:
            return self._unread(fault)
        except Refused as refused:
            self._bad = 0
            if isinstance(refused, NoAccount):
                self.connection.close()
            return encode_status(err(self._why(refused.text), _code(refused)))
        except Exception as error:
            trace = self.services.report(error)
            text = self._why(f"This is a fault of the server, logged as {trace}")
            return encode_status(err(text, TEMPORARY))

    async def _encoded(self, answer: Answer) -> net.Answer:
        match answer:
            case Status():
                said = encode_status(answer)
                return said + self._farewell() if self._draining and not self._deletes else said
            case Lines():
                return encode_lines(answer)
            case Challenge():
                return encode_challenge(answer)
            case Listing():
                return await self._listing(answer)
        # What is short goes as one piece: to have it pulled costs as much again as to make it.
        begun, size = [encode_status(ok(answer.text))], 0
        pieces = encode_content(answer.pieces)
        for piece in pieces:
            begun.append(piece)
            size += len(piece)
            if size >= PIECE:
                return self._sent(chain((b"".join(begun),), pieces))
        return b"".join(begun)

    async def _listing(self, answer: Listing) -> net.Answer:
        first, second = await anext(answer.pages, None), await anext(answer.pages, None)
        begun = encode_status(ok(answer.text)) + encode_page(first or ())
        if second is None:
            return begun + END
        return self._listed(begun + encode_page(second), answer.pages)

    async def _listed(self, begun: bytes, pages: AsyncGenerator[Page, None]) -> AsyncIterator[bytes]:
        yield begun
        try:
            async with aclosing(pages):
                async for page in pages:
                    yield encode_page(page)
        except Refused:
            self.connection.close()
        else:
            yield END

    def _sent(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except Refused:
            self.connection.close()

    def _unread(self, fault: PeerSyntax) -> bytes:
        self._bad += 1
        if self._bad < (MAX_BAD_BEFORE_LOGIN if self.maildrop is None else MAX_BAD):
            return encode_status(err(str(fault)))
        self.connection.close()
        return encode_status(err(f"{fault}; too many bad commands"))

    def _why(self, text: str) -> str:
        # RFC 1939 6: the answer of a QUIT that has failed.
        return f"The deleted messages have not been removed: {text}" if self.updating else text

    @property
    def _deletes(self) -> bool:
        return self.maildrop is not None and self.maildrop.deletes

    def _farewell(self) -> bytes:
        self.connection.close()
        return encode_status(err("The server stops", TEMPORARY))


def _code(refused: Refused) -> str | None:
    if isinstance(refused, NoAccount):
        return PERMANENT
    found = None if refused.code is None else _CODES.get(refused.code)
    return found or (TEMPORARY if refused.temporary else None)
