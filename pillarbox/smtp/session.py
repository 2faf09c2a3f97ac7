"""A session of SMTP in any profile: greeting, commands, content, replies. No IO.

Lines go through the table: verb -> row -> read -> state -> handler. Content goes piece by piece to
delivery and is never held here. However a handler fails, the session lives on and says 451.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from pillarbox.delivery.envelope import Origin
from pillarbox.delivery.outcome import TROUBLE, Outcome, combined
from pillarbox.delivery.post import Letter, Post
from pillarbox.delivery.reception.reception import let_in
from pillarbox.delivery.submitting import Author
from pillarbox.identity.addresses import fold_domain
from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim
from pillarbox.identity.sasl import Exchange, Mechanisms
from pillarbox.net.session import Connection, Dotted, Line, Octets, Peer, Wants
from pillarbox.smtp import commands
from pillarbox.smtp.door import HARVESTED, TOO_MANY_ERRORS, Door
from pillarbox.smtp.profile import (
    COMMAND_LIMIT,
    MAX_BAD,
    MAX_FAILED_LOGINS,
    PATIENCE,
    PATIENCE_BEFORE_LOGIN,
    RESPONSE_LIMIT,
    Profile,
)
from pillarbox.smtp.stand_in import Networks
from pillarbox.smtp.table import ROWS, TABLE, Row, State
from pillarbox.smtp.transaction import Transaction
from pillarbox.smtp.wire.command import read_response, split
from pillarbox.smtp.wire.fault import Fault
from pillarbox.smtp.wire.reply import Reply, encode, reply

_COMMAND = Line(COMMAND_LIMIT)
_RESPONSE = Line(RESPONSE_LIMIT)  # an answer to AUTH's challenge, and AUTH itself with one in it

UNRECOGNISED = reply(500, "5.5.1", "There is no such command")
BARE_LF = reply(500, "5.5.2", "Lines end in CRLF")
LINE_TOO_LONG = reply(500, "5.5.2", "The line is too long")  # RFC 5321 4.5.3.1.9
NO_TRANSACTION = reply(503, "5.5.1", "BDAT needs a sender and a recipient first")
TOO_MANY_BAD = reply(421, "4.7.0", "Too many bad commands")
TOO_MANY_LOGINS = reply(421, "4.7.0", "Too many failed logins")
OUR_FAULT = reply(TROUBLE.code, TROUBLE.enhanced, TROUBLE.text)


@dataclass(frozen=True, slots=True)
class Users:
    """How clients log in, and which addresses are an account's to send as.

    `cleartext`: where passwords may be sent without TLS, as in IMAP and POP3; `refused` writes down who
    wanted what they may not."""

    login: Callable[[Claim, Channel], Awaitable[Login]]
    mechanisms: Mechanisms
    may_send_as: Callable[[int, str], bool]
    cleartext: Literal["never", "loopback", "always"] = "loopback"
    known: Callable[[str], Login | None] | None = None  # who logs in under a name, for who vouches for him
    refused: Callable[[str, Channel, str, str], object] = lambda *what: None


@dataclass(frozen=True, slots=True)
class Service:
    """What all sessions of a listener share. `report` takes an error that is ours; `pick_id` gives each
    message a new name that is a word of letters and digits; `xclient`: networks of proxies that may say who
    their client is; `longest_hold`: seconds that a message may be held, 0 for none."""

    profile: Profile
    hostname: str
    post: Post
    report: Callable[[BaseException], object]
    pick_id: Callable[[], str]
    starttls: bool = False
    users: Users | None = None
    xclient: Networks = ()
    longest_hold: int = 0
    door: Door | None = None  # None: neither counted nor asked about


def refusal(hostname: str) -> bytes:
    """What one connection too many is told."""
    return encode(reply(421, "4.3.2", f"{hostname} has too many connections, try again later"))


class Session:
    __slots__ = (
        "_bad",
        "_draining",
        "_ended_by_last",
        "_last",
        "author",
        "client",
        "connection",
        "errors",
        "exchange",
        "extended",
        "failed_logins",
        "hello_at",
        "helo",
        "login",
        "service",
        "timeout",
        "transaction",
        "unknown",
        "wants",
    )
    connection: Connection
    client: Peer  # whom it serves: the connection's peer, or whom a proxy there speaks for

    def __init__(self, service: Service) -> None:
        self.service = service
        self.wants: Wants = _RESPONSE if service.profile.submits else _COMMAND
        self.timeout = PATIENCE_BEFORE_LOGIN if service.profile.submits else PATIENCE
        self.helo: str | None = None
        self.hello_at = 0.0
        self.extended = True  # the hello was EHLO or LHLO
        self.login: Login | None = None
        self.author: Author | None = None  # who has logged in, as one who sends
        self.exchange: Exchange | None = None  # the next line is a step of it
        self.failed_logins = 0
        self.unknown = self.errors = 0  # of this session, as its door counts
        self.transaction: Transaction | None = None
        self._last = False  # the content being read is the last of its message
        self._ended_by_last = False  # BDAT LAST was the last to say anything about a transaction
        self._draining = False
        self._bad = 0  # in a row

    @property
    def cleartext(self) -> bool:
        """Whether a password may be sent on this connection as it is (RFC 8314 3)."""
        users, connection, client = self.service.users, self.connection, self.client
        if users is None:
            return False
        return (
            connection.tls
            or users.cleartext == "always"
            or (users.cleartext == "loopback" and client.is_loopback)
        )

    @property
    def channel(self) -> Channel:
        """What a mechanism may know of this connection."""
        connection = self.connection
        info = connection.tls_info
        certified = info.certified if info is not None else ()
        return Channel("smtp", self.client.address, connection.end_point, connection.tls, certified)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Those that can be used now (RFC 4954 3)."""
        users = self.service.users
        return users.mechanisms.offered(self.channel) if users is not None and self.cleartext else ()

    @property
    def state(self) -> State:
        if self.helo is None:
            return State.NEW
        if self.transaction is None:
            return State.READY
        return State.CHUNKS if self.transaction.chunks else State.MAIL

    def greet(self) -> Reply:
        door = self.service.door
        refused = None if door is None else door.opened(self.client)
        if refused is not None:
            self.connection.close()
            return refused
        return reply(220, "", f"{self.service.hostname} {self.service.profile.name} Pillarbox")

    def offers(self, extension: str) -> bool:
        if extension == "FUTURERELEASE":
            return self.service.profile.submits and self.service.longest_hold > 0
        return self.service.profile.extends(extension, tls=self.connection.tls)

    # net.session.Session

    def opened(self, connection: Connection) -> bytes:
        self.connection, self.client = connection, connection.peer
        return encode(self.greet())

    def line(self, line: bytes) -> bytes | Awaitable[bytes] | None:
        exchange, self.exchange = self.exchange, None
        if self.connection.bare_lf:
            # RFC 5321 2.3.8: nothing but CRLF ends a line. Who sees two lines here and one elsewhere
            # can be made to smuggle a message.
            return self._bad_command(BARE_LF)
        try:
            if exchange is not None:
                return self._answered(self._step(exchange, line), "AUTH")
            verb, rest = split(line)
            row = TABLE.get(verb)
            if row is None or verb not in self.service.profile.verbs:
                return self._bad_command(UNRECOGNISED)
            command = row.read(rest)
        except Fault as fault:
            return self._bad_command(reply(fault.code, fault.enhanced, fault.text))
        if self.state not in row.states:
            return self._bad_command(reply(503, "5.5.1", self.state.value))
        self._bad = 0
        return self._carry_out(row, command)

    def octets(self, piece: bytes, last: bool) -> bytes | Awaitable[bytes | None] | None:
        transaction = self.transaction
        if transaction is None or transaction.incoming is None:
            return self._chunk_for_nothing() if last else None
        return self._content(transaction, piece, last)

    def overflow(self) -> bytes:
        self.exchange = None
        return self._bad_command(LINE_TOO_LONG)

    def expired(self) -> bytes:
        return encode(reply(421, "4.4.2", f"{self.service.hostname} has waited long enough"))

    def draining(self) -> bytes | None:
        self._draining = True
        return self._farewell() if self.transaction is None else None

    def closed(self) -> None:
        self.reset()

    # What handlers do to the session

    def reset(self) -> None:
        """RFC 5321 4.1.1.5: forget sender, recipients and content."""
        if self.transaction is not None and self.transaction.incoming is not None:
            self.transaction.incoming.abandon()
        self.transaction = None
        self._ended_by_last = False

    def forget_hello(self) -> None:
        self.reset()
        self.helo = self.login = self.author = None

    def begin_again(self) -> None:
        """As if it had just been opened."""
        self.forget_hello()
        self.client = self.connection.peer
        if self.service.profile.submits:
            self.wants, self.timeout = _RESPONSE, PATIENCE_BEFORE_LOGIN

    def admit(self, login: Login) -> None:
        assert self.service.users is not None
        self.connection.logged_in()
        self.login = login
        self.author = Author(
            login.account,
            login.address,
            partial(self.service.users.may_send_as, login.account),
            self.service.pick_id,
        )
        self.timeout = PATIENCE
        self.wants = _COMMAND

    def count_failed_login(self) -> None:
        self.failed_logins += 1

    def begin_content(self, transaction: Transaction) -> None:
        transaction.incoming = self.service.post.begin(self._letter(transaction))

    def expect_dots(self) -> None:
        self.wants = Dotted()
        self._last = True

    def expect_octets(self, count: int, last: bool) -> None:
        if self.transaction is not None:
            self.transaction.chunks = True
        self.wants = Octets(count)
        self._last = last

    def described(self, topic: str) -> list[str]:
        """What HELP says about a verb, or about all of them."""
        verbs = self.service.profile.verbs
        return [row.help for row in ROWS if row.verb in verbs and topic in ("", row.verb)]

    # The rest

    def _carry_out(self, row: Row, command: Any) -> bytes | Awaitable[bytes] | None:
        try:
            said = row.do(self, command)
        except Fault as fault:
            return encode(reply(fault.code, fault.enhanced, fault.text))
        except Exception as error:
            self.service.report(error)
            return encode(OUR_FAULT)
        return None if said is None else self._answered(said, row.verb)

    def _answered(self, said: Reply | Awaitable[Reply], verb: str) -> bytes | Awaitable[bytes]:
        if not isinstance(said, Reply):
            return self._awaited(said, verb)
        encoded = encode(said)
        if self.failed_logins >= MAX_FAILED_LOGINS:
            self.connection.close()
            return encoded + encode(TOO_MANY_LOGINS)
        door = self.service.door
        if door is not None and 0 < door.rules.unknown <= self.unknown:
            self.connection.close()
            return encoded + encode(HARVESTED)
        if self._draining and self.transaction is None and verb != "QUIT" and self.exchange is None:
            return encoded + self._farewell()
        return encoded

    async def _awaited(self, said: Awaitable[Reply], verb: str) -> bytes:
        try:
            answer = await said
        except Exception as error:
            self.service.report(error)
            answer = OUR_FAULT
        return cast(bytes, self._answered(answer, verb))

    def _step(self, exchange: Exchange, line: bytes) -> Reply | Awaitable[Reply]:
        if line == b"*":
            return commands.GIVEN_UP  # RFC 4954 4
        return commands.respond(self, exchange, read_response(line))

    def _bad_command(self, said: Reply) -> bytes:
        self._bad += 1
        door = self.service.door
        if door is not None:
            self.errors += 1
            door.error(self.client)
            if 0 < door.rules.errors <= self.errors:
                self.connection.close()
                return encode(said) + encode(TOO_MANY_ERRORS)
        if self._bad < MAX_BAD:
            return encode(said)
        self.connection.close()
        return encode(said) + encode(TOO_MANY_BAD)

    async def _content(self, transaction: Transaction, piece: bytes, last: bool) -> bytes | None:
        incoming = transaction.incoming
        assert incoming is not None
        await incoming.write(piece)
        if not last:
            return None
        self.wants = _COMMAND
        if not self._last:
            failure = incoming.failure
            if failure is not None:
                return encode(reply(failure.code, failure.enhanced, failure.text))
            return encode(reply(250, "2.0.0", f"{incoming.size} octets so far"))
        outcomes = await incoming.finish()
        if self.service.profile.reply_per_recipient:
            # RFC 2033 4.2, 4.3: one reply for each recipient that was accepted, in their order.
            replies = b"".join(
                encode(reply(outcome.code, outcome.enhanced, f"<{to.path}> {outcome.text}"))
                for to, outcome in zip(transaction.recipients, outcomes)
            )
        else:
            replies = self._one_reply(outcomes, incoming.letter.id)
        self._end_transaction()
        return replies + self._farewell() if self._draining else replies

    def _one_reply(self, outcomes: list[Outcome], id: str) -> bytes:
        """RFC 5321 4.2.5: a 2xx takes the message for all of them."""
        outcome = combined(outcomes)
        text = f"Taken as {id}" if outcome.delivered else outcome.text
        return encode(reply(outcome.code, outcome.enhanced, text))

    def _chunk_for_nothing(self) -> bytes | None:
        """A chunk that belongs to no message has been read."""
        self.wants = _COMMAND
        again = self._ended_by_last
        if self._last:
            self._end_transaction()
            if self.service.profile.reply_per_recipient and not again:
                # RFC 2033 4.3: no recipient, no reply. Who pipelines counts on it.
                return None
        return encode(NO_TRANSACTION)

    def _end_transaction(self) -> None:
        chunks = self.transaction is not None and self.transaction.chunks
        self.reset()
        self._ended_by_last = chunks

    def _farewell(self) -> bytes:
        self.connection.close()
        return encode(reply(421, "4.3.2", f"{self.service.hostname} is shutting down"))

    def _told_helo(self, *, utf8: bool) -> str:
        """RFC 6531 3.7.3: what stands in trace fields is ASCII, unless SMTPUTF8 was said."""
        helo = self.helo or "unknown"
        if utf8 or helo.isascii():
            return helo
        folded = fold_domain(helo)
        return folded if all(len(label) <= 63 for label in folded.split(".")) else "unknown"

    def _letter(self, transaction: Transaction) -> Letter:
        connection, service = self.connection, self.service
        tls = connection.tls_info
        origin = Origin(
            helo=self._told_helo(utf8=transaction.utf8),
            address="" if self.client.is_unix else self.client.address,
            protocol=service.profile.protocol(
                extended=self.extended,
                utf8=transaction.utf8,
                tls=connection.tls,
                login=self.login is not None,
            ),
            tls=f"{tls.version} {tls.cipher}" if tls else "",
        )
        sender = "" if transaction.sender is None else str(transaction.sender)
        recipients = tuple(transaction.recipients)
        return Letter(
            sender,
            recipients,
            service.pick_id(),
            origin,
            self.author,
            service.profile.reply_per_recipient,
            transaction.utf8,
            transaction.binary,
            transaction.ret,
            transaction.envid,
            transaction.wishes,
            let_in(transaction.known or ()),
            None if service.door is None else service.door.lists(self.client),
            requires_tls=transaction.requires_tls,
        )
