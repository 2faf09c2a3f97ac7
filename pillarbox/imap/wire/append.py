"""APPEND (RFC 9051 6.3.12), several messages in one (RFC 3502), binary and UTF-8 literals (RFC 3516, 6855).

The messages are literals that stream past the parser: it sees the line up to each literal and says what
the literal is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.reader import DateTime, Reader
from pillarbox.model.errors import PeerSyntax
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


def head(pieces: Sequence[bytes], start: int, utf8: bool = False) -> Append | None:
    """APPEND up to its first message: the pieces so far, the last of them a line that ends by announcing a
    literal whose octets have not come yet. `start` is `command.split(...).start`.

    None: that literal is the mailbox's name, an ordinary argument; ask again when it is there.

    append         = "APPEND" SP mailbox 1*append-message          (RFC 3502)
    append-message = [SP flag-list] [SP date-time] SP append-data  (append-data: RFC 4466 2.8)
    """
    reader = Reader(pieces, utf8, start)
    reader.space()
    if len(pieces) == 1 and reader.at_announcement():
        return None
    mailbox = reader.mailbox()
    reader.space()
    return Append(mailbox, message(reader))


def following(line: bytes, after: Message, utf8: bool = False) -> Message | None:
    """The line after the octets of `after`: what it says of the next message, None when the command ends."""
    reader = Reader([line], utf8)
    if after.utf8:
        reader.expect(b")")
    if reader.at_end():
        return None
    reader.space()
    if reader.peek() == b" ":  # IMAPClient's multiappend writes two, and Dovecot takes them
        reader.space()
    return message(reader)


def parse_append(reader: Reader) -> Append:
    """A whole APPEND, whose messages have all streamed by, never comes here: what does announces none."""
    raise PeerSyntax("APPEND needs a message as a literal at the end of its line")


def message(reader: Reader) -> Message:
    flags: FlagSet = ()
    date = None
    if reader.peek() == b"(":
        flags = reader.flag_list()
        reader.space()
    if reader.peek() == b'"':
        date = reader.date_time()
        reader.space()
    # append-data =/ "UTF8" SP "(" literal8 ")"      (RFC 6855 4)
    wrapped = reader.peek() in (b"u", b"U") and reader.word("A message literal") == "UTF8"
    if wrapped:
        reader.space()
        reader.expect(b"(")
    literal = reader.announcement("A message literal")
    if wrapped and not literal.binary:
        raise PeerSyntax("UTF8 (...) needs a literal8, written ~{...}")
    return Message(flags, date, literal, wrapped)
