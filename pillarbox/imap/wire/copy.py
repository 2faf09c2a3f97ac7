"""COPY, MOVE and their UID forms (RFC 9051 6.4.7, 6.4.8). Their answer is `response.CopyUid`."""

from dataclasses import dataclass

from pillarbox.imap.wire.reader import Numbers


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
