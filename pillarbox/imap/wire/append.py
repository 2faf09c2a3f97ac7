"""APPEND (RFC 9051 6.3.12), several messages in one (RFC 3502), binary and UTF-8 literals (RFC 3516, 6855).

The messages are literals that stream past the parser: it sees the line up to each literal and says what
the literal is.
"""

from dataclasses import dataclass

from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.reader import DateTime
from pillarbox.model.flags import FlagSet


@dataclass(frozen=True, slots=True)
class Message:
    """What is said of one message before its octets come. `literal.binary`: it may hold NUL (`~{n}`).
    `utf8`: it is wrapped as `UTF8 (~{n} ...)`, so a `)` must follow it (RFC 6855 4)."""

    flags: FlagSet
    date: DateTime | None
    literal: Literal
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """The command up to and including the announcement of its first message."""

    mailbox: str
    message: Message
