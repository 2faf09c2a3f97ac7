"""A session of SMTP in any profile: greeting, commands, content, replies. No IO.

Lines go through the table: verb -> row -> read -> state -> handler. Content goes piece by piece to
delivery and is never held here. However a handler fails, the session lives on and says 451.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.envelope import Envelope, Origin
from pillarbox.delivery.outcome import TROUBLE
from pillarbox.net.session import Connection, Dotted, Line, Octets, Wants
from pillarbox.smtp.profile import COMMAND_LIMIT, PATIENCE, Profile
from pillarbox.smtp.table import ROWS, TABLE, Row, State
from pillarbox.smtp.transaction import Transaction
from pillarbox.smtp.wire.command import split
from pillarbox.smtp.wire.fault import Fault
from pillarbox.smtp.wire.reply import encode, reply

_COMMAND = Line(COMMAND_LIMIT)

UNRECOGNISED = reply(500, "5.5.1", "There is no such command")
BARE_LF = reply(500, "5.5.2", "Lines end in CRLF")
LINE_TOO_LONG = reply(500, "5.5.2", "The line is too long")  # RFC 5321 4.5.3.1.9
NO_TRANSACTION = reply(503, "5.5.1", "BDAT needs a sender and a recipient first")
OUR_FAULT = reply(TROUBLE.code, TROUBLE.enhanced, TROUBLE.text)


@dataclass(frozen=True, slots=True)
class Service:
    """What all sessions of a listener share. `report` takes an error that is ours; `pick_id` gives each
    message a new name that is a word of letters and digits."""

    profile: Profile
    hostname: str
    delivery: Delivery
    report: Callable[[BaseException], object]
    pick_id: Callable[[], str]
    starttls: bool = False


def refusal(hostname: str) -> bytes:
    """What one connection too many is told."""
    return encode(reply(421, "4.3.2", f"{hostname} has too many connections, try again later"))


class Session:
    __slots__ = (
        "_draining",
        "_ended_by_last",
        "_last",
        "_now",
        "_row",
        "connection",
        "helo",
        "service",
        "timeout",
        "transaction",
        "wants",
    )
    connection: Connection

    def __init__(self, service: Service) -> None:
        self.service = service
        self.wants: Wants = _COMMAND
        self.timeout = PATIENCE
        self.helo: str | None = None
        self.transaction: Transaction | None = None
        self._last = False  # the content being read is the last of its message
        self._ended_by_last = False  # BDAT LAST was the last to say anything about a transaction
        self._draining = False

    @property
    def state(self) -> State:
        if self.helo is None:
            return State.NEW
        if self.transaction is None:
            return State.READY
        return State.CHUNKS if self.transaction.chunks else State.MAIL

    # net.session.Session

    def opened(self, connection: Connection) -> bytes:
        self.connection = connection
        return encode(reply(220, "", f"{self.service.hostname} {self.service.profile.name} Pillarbox"))

    def line(self, line: bytes) -> bytes | None:
        if self.connection.bare_lf:
            # RFC 5321 2.3.8: nothing but CRLF ends a line. Who sees two lines here and one elsewhere
            # can be made to smuggle a message.
            return encode(BARE_LF)
        try:
            verb, rest = split(line)
            row = TABLE.get(verb)
            if row is None or verb not in self.service.profile.verbs:
                return encode(UNRECOGNISED)
            command = row.read(rest)
        except Fault as fault:
            return encode(reply(fault.code, fault.enhanced, fault.text))
        if self.state not in row.states:
            return encode(reply(503, "5.5.1", self.state.value))
        return self._carry_out(row, command)

    def octets(self, piece: bytes, last: bool) -> bytes | Awaitable[bytes | None] | None:
        transaction = self.transaction
        if transaction is None or transaction.incoming is None:
            return self._chunk_for_nothing() if last else None
        return self._content(transaction, piece, last)

    def overflow(self) -> bytes:
        return encode(LINE_TOO_LONG)

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
        self.helo = None

    def begin_content(self, transaction: Transaction) -> None:
        transaction.incoming = self.service.delivery.begin(self._envelope(transaction))

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

    def _carry_out(self, row: Row, command: Any) -> bytes | None:
        try:
            said = row.do(self, command)
        except Exception as error:
            self.service.report(error)
            return encode(OUR_FAULT)
        if said is None:
            return None
        if self._draining and self.transaction is None and row.verb != "QUIT":
            return encode(said) + self._farewell()
        return encode(said)

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
        # RFC 2033 4.2, 4.3: one reply for each recipient that was accepted, in their order.
        replies = b"".join(
            encode(reply(outcome.code, outcome.enhanced, f"<{to.path}> {outcome.text}"))
            for to, outcome in zip(transaction.recipients, outcomes)
        )
        self._end_transaction()
        return replies + self._farewell() if self._draining else replies

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

    def _envelope(self, transaction: Transaction) -> Envelope:
        connection, service = self.connection, self.service
        tls = connection.tls_info
        origin = Origin(
            helo=self.helo or "unknown",
            address="" if connection.peer.is_unix else connection.peer.address,
            protocol=service.profile.protocols[transaction.utf8, connection.tls],
            tls=f"{tls.version} {tls.cipher}" if tls else "",
        )
        sender = "" if transaction.sender is None else str(transaction.sender)
        return Envelope(sender, tuple(transaction.recipients), service.pick_id(), origin)
