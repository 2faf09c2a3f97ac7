"""What each command does. The state it may come in is checked before, by the table's row."""

from binascii import b2a_base64
from collections.abc import Awaitable
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from pillarbox.delivery.outcome import NO_ANSWER, TOO_BIG, UNKNOWN_USER, Outcome
from pillarbox.delivery.post import Accepted
from pillarbox.delivery.reception.reception import Caller
from pillarbox.delivery.wishes import DeliverBy, Hold, Wishes
from pillarbox.identity.claims import Claim
from pillarbox.identity.sasl import Exchange
from pillarbox.model.errors import Code, PeerSyntax, Refused
from pillarbox.smtp.door import Door
from pillarbox.smtp.profile import RECIPIENT_LIMIT
from pillarbox.smtp.stand_in import KEYWORD, is_trusted
from pillarbox.smtp.transaction import Transaction
from pillarbox.smtp.wire import command as wire
from pillarbox.smtp.wire.fault import Fault
from pillarbox.smtp.wire.reply import Reply, reply

if TYPE_CHECKING:
    from pillarbox.smtp.session import Session

OK = reply(250, "2.0.0", "OK")
SENDER_OK = reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK")
START_INPUT = reply(354, "", "Send the message, end with a dot on a line of its own")
NO_RECIPIENTS = reply(503, "5.5.1", "No recipient has been accepted")
NOT_UTF8 = reply(553, "5.6.7", "The address is not ASCII, and MAIL did not say SMTPUTF8")
NOT_DATA = reply(503, "5.5.1", "What is BINARYMIME comes by BDAT")
LOGIN_FIRST = reply(530, "5.7.0", "Log in first")  # RFC 4954 6
ENCRYPT_FIRST = reply(538, "5.7.11", "Passwords are not taken without TLS")
LOGGED_IN = reply(235, "2.7.0", "Logged in")
LOGGED_IN_ALREADY = reply(503, "5.5.1", "You have logged in already")
NOT_YOUR_ADDRESS = reply(550, "5.7.1", "That address is not yours")
NO_MECHANISM = reply(504, "5.5.4", "There is no such authentication mechanism")
GIVEN_UP = reply(501, "5.7.0", "Authentication given up")
TOO_MANY = reply(452, "4.5.3", "Too many recipients for one message")


def hello(session: "Session", command: wire.Hello) -> Reply:
    """RFC 5321 4.1.4: a hello in the middle of a transaction is a RSET as well."""
    session.reset()
    session.helo, session.extended = command.name, True
    session.hello_at = session.service.post.clock()
    service = session.service
    secured = service.profile.under_tls if session.connection.tls else ()
    keywords = [*service.profile.keywords, *secured, f"SIZE {service.post.limit}"]
    if session.offers("FUTURERELEASE"):
        latest = _moment(session.hello_at + service.longest_hold)
        keywords.append(f"FUTURERELEASE {service.longest_hold} {latest}")  # RFC 4865 3, 3
    if is_trusted(session.connection.peer, service.xclient):
        keywords.append(KEYWORD)
    if service.starttls and not session.connection.tls:
        keywords.append("STARTTLS")
    if (mechanisms := session.mechanisms) and session.login is None:
        keywords.append(f"AUTH {' '.join(mechanisms)}")
    return reply(250, "", service.hostname, *keywords)


def helo(session: "Session", command: wire.Hello) -> Reply:
    session.reset()
    session.helo, session.extended = command.name, False
    return reply(250, "", session.service.hostname)


def auth(session: "Session", command: wire.Auth) -> Reply | Awaitable[Reply]:
    users = session.service.users
    if users is None:
        return NO_MECHANISM
    if session.login is not None:
        return LOGGED_IN_ALREADY
    exchange = users.mechanisms.start(command.mechanism, session.channel)
    if exchange is None:
        return NO_MECHANISM
    if not session.cleartext:
        return ENCRYPT_FIRST
    return respond(session, exchange, command.initial)


async def respond(session: "Session", exchange: Exchange, response: bytes | None) -> Reply:
    """One step of an exchange (RFC 4954 4)."""
    assert session.service.users is not None
    try:
        outcome = await session.service.users.mechanisms.step(exchange, response, session.channel)
    except PeerSyntax as fault:
        return reply(501, "5.5.2", str(fault))
    except Refused as refused:
        return _refused(session, refused)
    if isinstance(outcome, bytes):
        session.exchange = exchange
        return reply(334, "", b2a_base64(outcome, newline=False).decode())
    return await _log_in(session, outcome)


async def _log_in(session: "Session", claim: Claim) -> Reply:
    assert session.service.users is not None
    try:
        session.admit(await session.service.users.login(claim, session.channel))
    except Refused as refused:
        return _refused(session, refused)
    return LOGGED_IN


def _refused(session: "Session", refused: Refused) -> Reply:
    # RFC 4954 6, RFC 5248: 535 5.7.8 for bad credentials, 454 4.7.0 for trouble here.
    if refused.temporary:
        return reply(454, "4.7.0", refused.text)
    session.count_failed_login()
    if refused.code is Code.CANNOT:
        return reply(534, "5.7.9", refused.text)  # RFC 4954 6: the mechanism is too weak for that user
    return reply(535, "5.7.8", refused.text)


def mail(session: "Session", command: wire.Mail) -> Reply | Awaitable[Reply]:
    _require_extensions(session, command.extensions)
    post = session.service.post
    if session.service.profile.submits and session.login is None:
        return LOGIN_FIRST
    if command.size is not None and command.size > post.limit:
        return as_reply(TOO_BIG)  # RFC 1870 6.1
    if command.sender is not None and not command.sender.is_ascii and not command.utf8:
        return NOT_UTF8  # RFC 6531 3.5
    # RFC 6409 6.1: who has logged in sends as themselves; the null sender is for reports of their program.
    author, sender = session.author, command.sender
    if author is not None and sender is not None and not author.may_send_as(str(sender)):
        assert session.service.users is not None
        session.service.users.refused(author.address, session.channel, "", f"to send as {sender}")
        return NOT_YOUR_ADDRESS
    door = session.service.door
    if door is not None and (slower := door.message(session.client)) is not None:
        return as_reply(slower)
    wishes = _wishes(session, command)
    transaction = Transaction(
        command.sender,
        command.utf8,
        command.body == "BINARYMIME",
        command.ret,
        command.envid,
        wishes,
        requires_tls=command.requires_tls,
    )
    if wishes.hold is not None:
        return _mail_to_hold(session, transaction, command.size or 0)
    session.transaction = transaction
    if command.priority is not None and command.priority != wishes.priority:
        # RFC 6710 4.1: a changed priority is told, the new one first.
        return reply(250, "2.3.6", f"{wishes.priority} is the priority of strangers' mail")
    return SENDER_OK


async def _mail_to_hold(session: "Session", transaction: Transaction, size: int) -> Reply:
    assert session.login is not None
    refused = await session.service.post.may_hold(session.login.account, size)
    if refused is not None:
        return as_reply(refused)  # RFC 4865 6, 3
    session.transaction = transaction
    return SENDER_OK


def _wishes(session: "Session", command: wire.Mail) -> Wishes:
    now = session.service.post.clock()
    by = None
    if command.by is not None:
        by = DeliverBy(int(now) + command.by.seconds, command.by.returns, command.by.trace)
    hold = None if command.hold is None else _held(session, command.hold, now)
    if hold is not None and by is not None and hold.until > by.at:
        raise Fault(501, "5.5.4", "It would be held until after it has to be there")  # RFC 4865 5.2.2
    priority = command.priority or 0
    if session.login is None and not session.service.profile.trusts_priority:
        priority = min(priority, 0)  # RFC 6710 4.1: strangers may make their own mail wait, no more
    return Wishes(hold, by, priority)


def _held(session: "Session", wanted: wire.Hold, now: float) -> Hold:
    longest = session.service.longest_hold
    # RFC 4865 4.2, 7 and 8: nothing beyond what the answer to EHLO has said.
    if wanted.seconds is not None:
        if wanted.seconds > longest:
            raise Fault(501, "5.5.4", f"Mail is held for {longest} seconds at most")
        return Hold(ceil(now + wanted.seconds), wanted.asked)
    assert wanted.moment is not None
    if not now < wanted.moment <= session.hello_at + longest:
        raise Fault(501, "5.5.4", f"Mail is held until {_moment(session.hello_at + longest)} at most")
    return Hold(wanted.moment, wanted.asked)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rcpt(session: "Session", command: wire.Rcpt) -> Reply | Awaitable[Reply]:
    transaction, path = session.transaction, command.recipient
    assert transaction is not None
    _require_extensions(session, command.extensions)
    if not path.is_ascii and not transaction.utf8:
        return NOT_UTF8
    if len(transaction.recipients) >= RECIPIENT_LIMIT:
        return TOO_MANY
    door = session.service.door
    if door is not None and (slower := door.recipient(session.client)) is not None:
        return as_reply(slower)
    ahead = session.service.post.ahead(str(path))
    if ahead is not None:
        return _accept_later(session, transaction, command, ahead)
    return _accept(session, transaction, command)


async def _accept_later(
    session: "Session", transaction: Transaction, command: wire.Rcpt, ahead: Awaitable[None]
) -> Reply:
    """A directory elsewhere has to say whether somebody is there."""
    try:
        await ahead
    except Refused:
        return as_reply(NO_ANSWER)  # RFC 3463 3.5: X.4.3
    accepted = _accept(session, transaction, command)
    return accepted if isinstance(accepted, Reply) else await accepted


def _accept(session: "Session", transaction: Transaction, command: wire.Rcpt) -> Reply | Awaitable[Reply]:
    door = session.service.door
    accepted = session.service.post.accept(
        str(command.recipient),
        anywhere=session.service.profile.submits,
        reports_only=transaction.sender is None,
        binary=transaction.binary,
        notify=command.notify,
        orcpt=command.orcpt,
    )
    if isinstance(accepted, Outcome):
        if door is not None and accepted is UNKNOWN_USER:
            session.unknown += 1
            door.unknown(session.client)
        return as_reply(accepted)
    if door is not None and door.is_stranger(session.client):
        return _rcpt_of_stranger(session, door, transaction, accepted, command.recipient.local)
    transaction.recipients.append(accepted)
    return RECIPIENT_OK


async def _rcpt_of_stranger(
    session: "Session", door: Door, transaction: Transaction, accepted: Accepted, local: str
) -> Reply:
    sender = "" if transaction.sender is None else str(transaction.sender)
    caller = Caller(session.client.address, session.helo or "", sender)
    if transaction.known is None:
        transaction.known = await door.about(caller)
    postmaster = local.casefold() == "postmaster"
    refused = await door.refusal(caller, transaction.known, accepted.path, postmaster=postmaster)
    if refused is not None:
        return as_reply(refused)
    transaction.recipients.append(accepted)
    return RECIPIENT_OK


def data(session: "Session", command: wire.Data) -> Reply:
    transaction = session.transaction
    assert transaction is not None
    if not transaction.recipients:
        return NO_RECIPIENTS  # RFC 2033 4.2
    if transaction.binary:
        return NOT_DATA  # RFC 3030 3
    session.begin_content(transaction)
    session.expect_dots()
    return START_INPUT


def bdat(session: "Session", command: wire.Bdat) -> None:
    """Whatever is wrong, the octets are read first (RFC 3030 2), and the reply comes after them."""
    transaction = session.transaction
    if transaction is not None and transaction.recipients and transaction.incoming is None:
        session.begin_content(transaction)
    session.expect_octets(command.size, command.last)


def starttls(session: "Session", command: wire.StartTls) -> Reply:
    if session.connection.tls or not session.service.starttls:
        return reply(503, "5.5.1", "TLS is on already" if session.connection.tls else "There is no TLS here")
    session.connection.start_tls()
    session.forget_hello()  # RFC 3207 4.2: nothing said before the handshake counts
    return reply(220, "2.0.0", "Begin the TLS handshake")


def rset(session: "Session", command: wire.Rset) -> Reply:
    session.reset()
    return OK


def noop(session: "Session", command: wire.Noop) -> Reply:
    return OK


def quit(session: "Session", command: wire.Quit) -> Reply:
    session.connection.close()
    return reply(221, "2.0.0", "Good bye")


def vrfy(session: "Session", command: wire.Vrfy) -> Reply:
    # RFC 5321 3.5.3, 7.3: 252 is the answer of a server that does not tell who has an account.
    return reply(252, "2.1.5", "Send some mail and see")


def expn(session: "Session", command: wire.Expn) -> Reply:
    # RFC 5321 7.3: who is behind an address is nobody's business.
    return reply(502, "5.5.1", "Lists are not told here")


def help(session: "Session", command: wire.Help) -> Reply:
    lines = session.described(command.topic)
    if not lines:
        return reply(504, "5.5.4", "There is no such command")
    return reply(214, "2.0.0", *lines)


def as_reply(outcome: Outcome) -> Reply:
    return reply(outcome.code, outcome.enhanced, outcome.text)


def _require_extensions(session: "Session", said: frozenset[str]) -> None:
    for extension in said:
        if not session.offers(extension):
            raise Fault(555, "5.5.4", f"{extension} is not offered here")  # RFC 5321 4.1.1.11
