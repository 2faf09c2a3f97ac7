"""COPY, MOVE and their UID forms (RFC 9051 6.4.7, 6.4.8). Their answer is `response.CopyUid`."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Numbers, Reader


@dataclass(frozen=True, slots=True)
class Copy:
    numbers: Numbers
    mailbox: str
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    numbers: Numbers
    mailbox: str
    uid: bool = False


def parse_copy(reader: Reader, *, uid: bool = False) -> Copy:
    return Copy(*_messages_to(reader), uid)


def parse_move(reader: Reader, *, uid: bool = False) -> Move:
    return Move(*_messages_to(reader), uid)


def _messages_to(reader: Reader) -> tuple[Numbers, str]:
    reader.space()
    numbers = reader.numbers()
    reader.space()
    return numbers, reader.mailbox()
