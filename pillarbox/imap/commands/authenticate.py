"""LOGIN, AUTHENTICATE, STARTTLS, LOGOUT, UNAUTHENTICATE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.identity import sasl
from pillarbox.identity.claims import Claim, Credentials
from pillarbox.imap.outcome import Begun, Done, Outcome
from pillarbox.imap.settings import MAX_FAILED_LOGINS
from pillarbox.imap.table import TABLE
from pillarbox.imap.wire import authenticate as wire
from pillarbox.imap.wire.response import CapabilityCode, bye
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.net.session import Answer

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def login(session: Session, tag: bytes, command: wire.Login) -> Outcome:
    # RFC 9051 6.2.3: with LOGINDISABLED advertised, LOGIN is refused whatever it says.
    _require_privacy(session)
    return await _verified(session, Credentials(command.user, command.password))


async def authenticate(session: Session, tag: bytes, command: wire.Authenticate) -> Outcome:
    mechanism = session.services.mechanisms.start(command.mechanism, session.channel)
    if mechanism is None:
        raise Refused("There is no such authentication mechanism", Code.CANNOT)
    _require_privacy(session)
    return await _step(session, tag, mechanism, command.initial)


async def _step(session: Session, tag: bytes, mechanism: sasl.Exchange, response: bytes | None) -> Outcome:
    try:
        step = await session.services.mechanisms.step(mechanism, response, session.channel)
    except Refused as refused:
        return _failed(session, refused)
    if not isinstance(step, bytes):
        return await _verified(session, step)
    session.dialogue = Exchange(session, tag, mechanism)
    return Begun(wire.Challenge(step))


async def starttls(session: Session, tag: bytes, command: wire.StartTls) -> Outcome:
    # RFC 9051 6.2.1: BAD where TLS is on already.
    if session.connection.tls or not session.services.settings.tls:
        raise PeerSyntax("STARTTLS is not offered here")
    session.connection.start_tls()
    return Done("Begin TLS negotiation now")


async def logout(session: Session, tag: bytes, command: wire.Logout) -> Outcome:
    session.connection.close()
    return Done("Until next time", data=(bye("Logging out"),))


async def unauthenticate(session: Session, tag: bytes, command: wire.Unauthenticate) -> Outcome:
    # RFC 8437 3: BAD where it is not offered, and never NO.
    if not session.services.settings.unauthenticate:
        raise PeerSyntax("UNAUTHENTICATE is not offered here")
    session.forget()
    if session.connection.compressed:
        session.connection.stop_compress()  # RFC 8437 4.1
    return Done("Logged out, log in again", CapabilityCode(session.capabilities()))


@dataclass(slots=True)
class Exchange:
    """The lines after AUTHENTICATE."""

    session: Session
    tag: bytes
    mechanism: sasl.Exchange

    async def line(self, line: bytes) -> Answer:
        return await self.session.conclude(self.tag, TABLE["AUTHENTICATE"], self._step(line))

    async def _step(self, line: bytes) -> Outcome:
        self.session.resume()
        # RFC 9051 6.2.2: a line with a single "*" gives up, and is answered BAD.
        if line == b"*":
            raise PeerSyntax("Authentication given up")
        if self.session.connection.bare_lf:
            raise PeerSyntax("A line ends in CR LF")
        return await _step(self.session, self.tag, self.mechanism, wire.response(line))

    def octets(self, piece: bytes, last: bool) -> Answer:
        raise AssertionError("an exchange asks for lines only")

    def writable_again(self) -> None:
        pass

    def closed(self) -> None:
        pass


def _require_privacy(session: Session) -> None:
    if not session.cleartext:
        raise Refused("Passwords are not taken without TLS", Code.PRIVACYREQUIRED)


async def _verified(session: Session, claim: Claim) -> Outcome:
    try:
        login = await session.services.login(claim, session.channel)
    except Refused as refused:
        return _failed(session, refused)
    await session.store.expect(login.account)
    session.admit(login)
    # RFC 9051 6.2.2, 6.2.3: what is offered now, without being asked.
    return Done("Logged in", CapabilityCode(session.capabilities()))


def _failed(session: Session, refused: Refused) -> Outcome:
    session.failed_logins += 1
    if session.failed_logins < MAX_FAILED_LOGINS:
        raise refused
    session.connection.close()
    return Done(refused.text, refused.code, (bye("Too many failed logins"),), condition="NO")
