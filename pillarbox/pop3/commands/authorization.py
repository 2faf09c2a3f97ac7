"""USER, PASS, AUTH, STLS, UTF8, CAPA, LANG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.identity import sasl
from pillarbox.identity.claims import Claim, Credentials
from pillarbox.identity.prepare import prepare
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.pop3.capability import capabilities
from pillarbox.pop3.maildrop import open_maildrop
from pillarbox.pop3.settings import MAX_FAILED_LOGINS
from pillarbox.pop3.wire import command as wire
from pillarbox.pop3.wire.answer import Answer, Challenge, Lines, Status, ok

if TYPE_CHECKING:
    from pillarbox.pop3.session import Session

LANGUAGE, IN_ITSELF = "en", "English"


async def user(session: Session, command: wire.User) -> Answer:
    _require_privacy(session)
    prepare(command.name)  # RFC 6856 2.2: names that SASLprep prohibits are rejected
    session.name = command.name
    # RFC 1939 13: the answer does not tell who exists.
    return ok("Say the password")


async def password(session: Session, command: wire.Pass) -> Answer:
    # RFC 1939 7: after a successful USER, and each USER is good for one PASS.
    name, session.name = session.name, None
    if name is None:
        raise PeerSyntax("Say USER and a name first")
    _require_privacy(session)
    return await _verified(session, Credentials(name, command.password, mechanism="USER"))


async def auth(session: Session, command: wire.Auth) -> Answer:
    session.name = None
    mechanism = session.services.mechanisms.start(command.mechanism, session.channel)
    if mechanism is None:
        raise Refused("There is no such authentication mechanism")
    _require_privacy(session)
    return await step(session, mechanism, command.initial)


async def step(session: Session, mechanism: sasl.Exchange, response: bytes | None) -> Answer:
    """One step of an exchange. RFC 5034 4: where it fails it is as if AUTH had never been said."""
    try:
        outcome = await session.services.mechanisms.step(mechanism, response, session.channel)
    except Refused:
        _failed(session)
        raise
    if not isinstance(outcome, bytes):
        return await _verified(session, outcome)
    session.exchange = mechanism
    return Challenge(outcome)


async def stls(session: Session, command: wire.Stls) -> Answer:
    if session.connection.tls or not session.services.settings.tls:
        raise Refused("TLS is on already" if session.connection.tls else "There is no TLS here")
    if session.utf8:
        raise PeerSyntax("STLS comes before UTF8")  # RFC 6856 2.1
    session.name = None  # nothing said before the handshake counts
    session.connection.start_tls()
    return ok("Begin the TLS handshake")


async def utf8(session: Session, command: wire.Utf8) -> Answer:
    session.utf8 = True
    return ok("UTF-8 from now on")


async def capa(session: Session, command: wire.Capa) -> Answer:
    stls = session.maildrop is None and session.services.settings.tls and not session.connection.tls
    mechanisms = session.services.mechanisms.offered(session.channel) if session.cleartext else ()
    return Lines("These can be relied on", tuple(capabilities(mechanisms, stls=stls)))


async def lang(session: Session, command: wire.Lang) -> Answer:
    """There is one language, so nothing has to be remembered."""
    if command.wanted is None:
        return Lines("These languages are spoken", (f"{LANGUAGE} {IN_ITSELF}",))
    # RFC 4647 3.4: a range is cut from its end until something matches.
    if command.wanted != "*" and command.wanted.partition("-")[0].lower() != LANGUAGE:
        raise Refused("That language is not spoken here")
    return ok(f"{LANGUAGE} English from now on")


def _require_privacy(session: Session) -> None:
    if not session.cleartext:
        raise Refused("Passwords are not taken without TLS", Code.PRIVACYREQUIRED)


async def _verified(session: Session, claim: Claim) -> Status:
    try:
        login = await session.services.login(claim, session.channel)
    except Refused:
        _failed(session)
        raise
    maildrop = await open_maildrop(session.services.store, login)
    session.admit(maildrop)
    return ok(f"{maildrop.count} messages ({maildrop.octets} octets)")


def _failed(session: Session) -> None:
    session.failed_logins += 1
    if session.failed_logins >= MAX_FAILED_LOGINS:
        session.connection.close()
