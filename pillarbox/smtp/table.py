"""One row a command: how its line is read, in which states it may come, who does it, and where it is defined.

NEW    nobody has said hello
READY  hello was said; no mail transaction
MAIL   a transaction has its sender, and perhaps recipients
CHUNKS content has begun to come by BDAT
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pillarbox.smtp import commands
from pillarbox.smtp.stand_in import xclient
from pillarbox.smtp.wire import command as wire
from pillarbox.smtp.wire.reply import Reply
from pillarbox.smtp.wire.xclient import Xclient, read_xclient

if TYPE_CHECKING:
    from pillarbox.smtp.session import Session


class State(Enum):
    NEW = "Say hello first"
    READY = "There is no mail transaction: MAIL first"
    MAIL = "A mail transaction is going on: finish it or RSET"
    CHUNKS = "Content is coming by BDAT: finish it or RSET"


Handler = Callable[["Session", Any], Reply | Awaitable[Reply] | None]

NEW, READY, MAIL, CHUNKS = State
_ANY = frozenset(State)


@dataclass(frozen=True, slots=True)
class Row:
    """`states`: where it may come; elsewhere 503. `help`: what HELP says about it."""

    verb: str
    read: Callable[[str], wire.Command | Xclient]
    states: frozenset[State]
    do: Handler
    rfc: str
    help: str


ROWS = (
    Row("LHLO", wire.read_hello, _ANY, commands.hello, "RFC 2033 4.1", "LHLO <your host>: begin"),
    Row("EHLO", wire.read_hello, _ANY, commands.hello, "RFC 5321 4.1.1.1", "EHLO <your host>: begin"),
    Row(
        "HELO",
        wire.read_hello,
        _ANY,
        commands.helo,
        "RFC 5321 4.1.1.1",
        "HELO <your host>: begin, without more",
    ),
    Row(
        "AUTH",
        wire.read_auth,
        frozenset((READY,)),
        commands.auth,
        "RFC 4954 4",
        "AUTH <mechanism> [response]",
    ),
    Row("MAIL", wire.read_mail, frozenset((READY,)), commands.mail, "RFC 5321 4.1.1.2", "MAIL FROM:<sender>"),
    Row("RCPT", wire.read_rcpt, frozenset((MAIL,)), commands.rcpt, "RFC 5321 4.1.1.3", "RCPT TO:<recipient>"),
    Row(
        "DATA",
        wire.read_data,
        frozenset((MAIL,)),
        commands.data,
        "RFC 5321 4.1.1.4",
        "DATA: then the message",
    ),
    # RFC 3030 2: whatever the state, the octets that follow have to be taken; so the handler looks at it.
    Row("BDAT", wire.read_bdat, _ANY, commands.bdat, "RFC 3030 2", "BDAT <octets> [LAST]: then the octets"),
    Row("STARTTLS", wire.read_starttls, frozenset((READY,)), commands.starttls, "RFC 3207 4", "STARTTLS"),
    Row("RSET", wire.read_rset, _ANY, commands.rset, "RFC 5321 4.1.1.5", "RSET: forget the transaction"),
    Row("NOOP", wire.read_noop, _ANY, commands.noop, "RFC 5321 4.1.1.9", "NOOP: nothing"),
    Row("QUIT", wire.read_quit, _ANY, commands.quit, "RFC 5321 4.1.1.10", "QUIT: good bye"),
    Row("VRFY", wire.read_vrfy, _ANY, commands.vrfy, "RFC 5321 4.1.1.6", "VRFY <recipient>"),
    Row("EXPN", wire.read_expn, _ANY, commands.expn, "RFC 5321 4.1.1.7", "EXPN: not done here"),
    Row(
        "XCLIENT",
        read_xclient,
        frozenset((NEW, READY)),
        xclient,
        "RFC 5321 4.1.5",  # a private command, Postfix's
        "XCLIENT <what is known of the client>: for proxies",
    ),
    Row("HELP", wire.read_help, _ANY, commands.help, "RFC 5321 4.1.1.8", "HELP [command]"),
)
TABLE = {row.verb: row for row in ROWS}
