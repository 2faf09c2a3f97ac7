"""What each command does. The state it may come in is checked before, by the table's row."""

from typing import TYPE_CHECKING

from pillarbox.delivery.envelope import Addressed
from pillarbox.delivery.outcome import TOO_BIG, UNKNOWN_USER
from pillarbox.smtp.address import Path
from pillarbox.smtp.profile import RECIPIENT_LIMIT
from pillarbox.smtp.transaction import Transaction
from pillarbox.smtp.wire import command as wire
from pillarbox.smtp.wire.reply import Reply, reply

if TYPE_CHECKING:
    from pillarbox.smtp.session import Session

OK = reply(250, "2.0.0", "OK")
SENDER_OK = reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK")
START_INPUT = reply(354, "", "Send the message, end with a dot on a line of its own")
NO_RECIPIENTS = reply(503, "5.5.1", "No recipient has been accepted")
NOT_UTF8 = reply(553, "5.6.7", "The address is not ASCII, and MAIL did not say SMTPUTF8")
TOO_MANY = reply(452, "4.5.3", "Too many recipients for one message")


def hello(session: "Session", command: wire.Hello) -> Reply:
    """RFC 5321 4.1.4: a hello in the middle of a transaction is a RSET as well."""
    session.reset()
    session.helo = command.name
    service = session.service
    keywords = [*service.profile.keywords, f"SIZE {service.delivery.limit}"]
    if service.starttls and not session.connection.tls:
        keywords.append("STARTTLS")
    return reply(250, "", service.hostname, *keywords)


def mail(session: "Session", command: wire.Mail) -> Reply:
    if command.size is not None and command.size > session.service.delivery.limit:
        return reply(TOO_BIG.code, TOO_BIG.enhanced, TOO_BIG.text)  # RFC 1870 6.1
    if command.sender is not None and not command.sender.is_ascii and not command.utf8:
        return NOT_UTF8  # RFC 6531 3.5
    session.transaction = Transaction(command.sender, command.utf8)
    return SENDER_OK


def rcpt(session: "Session", command: wire.Rcpt) -> Reply:
    transaction, path = session.transaction, command.recipient
    assert transaction is not None
    if not path.is_ascii and not transaction.utf8:
        return NOT_UTF8
    if len(transaction.recipients) >= RECIPIENT_LIMIT:
        return TOO_MANY
    delivery = session.service.delivery
    # Deviates: RFC 5321 4.5.1 has mail for postmaster always taken; here only when there is an account or
    # address of that name, because nobody else is known to want it.
    if not path.domain:
        path = Path(path.local, session.service.hostname)
    recipient = delivery.resolve(str(path))
    if recipient is None:
        return reply(UNKNOWN_USER.code, UNKNOWN_USER.enhanced, UNKNOWN_USER.text)
    transaction.recipients.append(Addressed(str(path), recipient))
    return RECIPIENT_OK


def data(session: "Session", command: wire.Data) -> Reply:
    transaction = session.transaction
    assert transaction is not None
    if not transaction.recipients:
        return NO_RECIPIENTS  # RFC 2033 4.2
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


def help(session: "Session", command: wire.Help) -> Reply:
    lines = session.described(command.topic)
    if not lines:
        return reply(504, "5.5.4", "There is no such command")
    return reply(214, "2.0.0", *lines)
