"""APPEND (RFC 9051 6.3.12), several messages in one (RFC 3502), put together from parts (RFC 4469), binary
and UTF-8 literals (RFC 3516, 6855).

The messages are literals that stream past the parser: it sees the line up to each literal and says in
`Step`s what has been written. A line's steps end where a literal is announced, or with the command.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.reader import DateTime, Reader
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import FlagSet


@dataclass(frozen=True, slots=True)
class Message:
    """A message begins. `catenated`: any number of parts make it, otherwise one literal."""

    flags: FlagSet
    date: DateTime | None
    catenated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A literal with octets of the message comes. `literal.binary`: it may hold NUL (`~{n}`). `utf8`: it is
    wrapped as `UTF8 (~{n} ...)`, so a `)` must follow it (RFC 6855 4)."""

    literal: Literal
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """What this URL names is the next part of the message."""

    written: bytes


@dataclass(frozen=True, slots=True)
class UrlLiteral:
    """The same, and the URL comes as a literal."""

    literal: Literal


@dataclass(frozen=True, slots=True)
class End:
    """The message is whole."""


Announced = Text | UrlLiteral
Step = Message | Text | Url | UrlLiteral | End


@dataclass(frozen=True, slots=True)
class Append:
    """The command up to the announcement of its first literal that is no name."""

    mailbox: str
    steps: tuple[Step, ...]


def head(pieces: Sequence[bytes], start: int, utf8: bool = False) -> Append | None:
    """APPEND up to its first literal: the pieces so far, the last of them a line that ends by announcing a
    literal whose octets have not come yet. `start` is `command.split(...).start`.

    None: that literal is the mailbox's name, an ordinary argument; ask again when it is there.

    append         = "APPEND" SP mailbox 1*append-message          (RFC 3502)
    append-message = [SP flag-list] [SP date-time] SP append-data  (append-data: RFC 4466 2.8)
    """
    reader = Reader(pieces, utf8, start)
    reader.space()
    if len(pieces) == 1 and reader.at_announcement():
        return None
    return target_and_steps(reader)


def target_and_steps(reader: Reader) -> Append:
    """mailbox 1*append-message"""
    mailbox = reader.mailbox()
    reader.space()
    steps: list[Step] = []
    if not _message(reader, steps):
        _rest(reader, steps, catenated=True)
    return Append(mailbox, tuple(steps))


def following(line: bytes, after: Announced, *, catenated: bool, utf8: bool = False) -> tuple[Step, ...]:
    """What the line says that comes after the octets of `after`, a part of a `catenated` message or all of
    another one."""
    reader = Reader([line], utf8)
    if isinstance(after, Text) and after.utf8:
        reader.expect(b")")
    steps: list[Step] = []
    _rest(reader, steps, catenated=catenated)
    return tuple(steps)


_PLAIN = re.compile(rb" \{([0-9]{1,9})\+\}").fullmatch


def plain(line: bytes) -> Literal | None:
    """The literal of another message of which the line says nothing else."""
    found = _PLAIN(line)
    return None if found is None else Literal(int(found[1]), False, False)


def parse_append(reader: Reader) -> Append:
    """An APPEND without literals that stream by: all of its messages consist of what URLs name."""
    reader.space()
    return without_literals(target_and_steps(reader))


def without_literals(command: Append) -> Append:
    """The command; `PeerSyntax` where it breaks off with the announcement of a literal."""
    if command.steps[-1] != End():
        raise PeerSyntax("The octets of the literal announced last do not follow")
    return command


def _rest(reader: Reader, steps: list[Step], *, catenated: bool) -> None:
    """From behind a part to the next literal, or the end of the command."""
    while True:
        if catenated:
            if reader.maybe(b" "):
                if _part(reader, steps):
                    return
                continue
            reader.expect(b")")
        steps.append(End())
        if reader.at_end():
            return
        reader.space()
        if reader.peek() == b" ":  # IMAPClient's multiappend writes two, and Dovecot takes them
            reader.space()
        if _message(reader, steps):
            return
        catenated = True


def _message(reader: Reader, steps: list[Step]) -> bool:
    """A message up to its first literal (True) or part."""
    flags: FlagSet = ()
    date = None
    if reader.peek() == b"(":
        flags = reader.flag_list()
        reader.space()
    if reader.peek() == b'"':
        date = reader.date_time()
        reader.space()
    # append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"     (RFC 4469 5)
    if reader.maybe_token(b"CATENATE ("):
        steps.append(Message(flags, date, catenated=True))
        return _part(reader, steps)
    steps.append(Message(flags, date))
    steps.append(_utf8(reader) or Text(reader.announcement("A message literal")))
    return True


def _part(reader: Reader, steps: list[Step]) -> bool:
    """cat-part = "TEXT" SP literal / "URL" SP astring / utf8-literal. Whether a literal comes."""
    if reader.maybe_token(b"URL "):
        if not reader.at_announcement():
            steps.append(Url(reader.astring("A URL")))
            return False
        announced = reader.announcement("A URL")
        if announced.binary:
            raise PeerSyntax("A URL is no binary literal")
        steps.append(UrlLiteral(announced))
    elif reader.maybe_token(b"TEXT "):
        steps.append(Text(reader.announcement("A literal")))
    else:
        steps.append(_utf8(reader) or reader.fail("TEXT, URL or UTF8"))
    return True


def _utf8(reader: Reader) -> Text | None:
    """utf8-literal = "UTF8" SP "(" literal8 ")"      (RFC 6855 4)"""
    if not reader.maybe_token(b"UTF8 ("):
        return None
    literal = reader.announcement("A message literal")
    if not literal.binary:
        raise PeerSyntax("UTF8 (...) needs a literal8, written ~{...}")
    return Text(literal, utf8=True)
