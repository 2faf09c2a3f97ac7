"""What is done to the header of a message that somebody here submits (RFC 6409 8), and what is not let pass.

A header streams by like all content: it is held until its end, looked at once, and goes on as it shall be.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.trace import date
from pillarbox.message.addresses import MISSING_DOMAIN, MISSING_MAILBOX, addresses
from pillarbox.message.header import fields

MOST_HEADER = 256 * 1024  # octets

NOT_YOURS = Outcome(550, "5.7.1", "The message is from an address that is not yours")
TWO_FROMS = Outcome(550, "5.6.0", "The message has more than one From field")
NO_FROM = Outcome(550, "5.6.0", "The From field has no address")
HEADER_TOO_LONG = Outcome(552, "5.3.4", "The header of the message is too long")

# Who is in Bcc is nobody's business (RFC 5322 3.6.3); Return-Path is for final delivery (RFC 5321 4.4).
_HIDDEN = re.compile(
    rb"^(?:bcc|resent-bcc|return-path)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_WANTED = frozenset((b"from", b"date", b"message-id"))
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Author:
    """Who submits. `may_send_as` says whether an address is theirs; `name` makes a message id's left side."""

    account: int
    address: str
    may_send_as: Callable[[str], bool]
    name: Callable[[], str]


def corrected(header: bytes, author: Author, hostname: str, now: float) -> bytes | Outcome:
    """The header as it shall be, or why the message is not taken."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in fields(header, _WANTED):
        found.setdefault(name, []).append(value)
    wrong = _wrong_from(found.get(b"from", []), author)
    if wrong is not None:
        return wrong
    header = _HIDDEN.sub(b"", header)
    added = []
    # RFC 6409 8.2, 8.3: Date and Message-ID are added where they are missing.
    if b"from" not in found:
        added.append(f"From: <{author.address}>\r\n")
    if b"date" not in found:
        added.append(f"Date: {date(now)}\r\n")
    if b"message-id" not in found:
        added.append(f"Message-ID: <{author.name()}@{hostname}>\r\n")
    return "".join(added).encode() + header


def _wrong_from(values: list[bytes], author: Author) -> Outcome | None:
    if not values:
        return None
    if len(values) > 1:
        return TWO_FROMS  # which of them a reader shows is anybody's guess
    # A group has a beginning without host and an end without both (RFC 6854 allows groups in From).
    named = [(each.mailbox, each.host) for each in addresses(values[0]) if each.mailbox and each.host]
    if not named:
        return NO_FROM
    for mailbox, host in named:
        text = f"{mailbox.decode(errors='replace')}@{host.decode(errors='replace')}"
        if MISSING_MAILBOX in (mailbox, host) or MISSING_DOMAIN in (mailbox, host):
            return NO_FROM
        if not author.may_send_as(text):
            return NOT_YOURS
    return None


class Lines:
    """Lines end in CRLF, and CR and LF stand nowhere else (RFC 5321 2.3.8): so it is sent, and so it has to
    be signed. A program that ends them otherwise means a line's end."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""  # a CR that LF may follow

    def feed(self, piece: bytes) -> bytes:
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        lines = piece.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return lines.replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        return b"\r\n" if self._held else b""


class Header:
    """Holds what comes until the header is whole, then gives it on corrected, and the rest as it is. Lines
    end in CRLF already."""

    __slots__ = ("_correct", "_done", "_held")

    def __init__(self, correct: Callable[[bytes], bytes | Outcome]) -> None:
        self._correct = correct
        self._held = bytearray()
        self._done = False

    def feed(self, piece: bytes) -> bytes | Outcome:
        if self._done:
            return piece
        before = max(len(self._held) - len(_END) + 1, 0)
        self._held += piece
        if self._held.startswith(b"\r\n"):
            return self._give(0)
        end = self._held.find(_END, before)
        if end >= 0:
            return self._give(end + 2)
        return HEADER_TOO_LONG if len(self._held) > MOST_HEADER else b""

    def finish(self) -> bytes | Outcome:
        """A message that ended before its header did is all header."""
        if self._done:
            return b""
        if self._held and not self._held.endswith(b"\r\n"):
            self._held += b"\r\n"
        self._held += b"\r\n"
        return self._give(len(self._held) - 2)

    def _give(self, end: int) -> bytes | Outcome:
        self._done = True
        fixed = self._correct(bytes(self._held[:end]))
        rest, self._held = bytes(self._held[end:]), bytearray()
        return fixed if isinstance(fixed, Outcome) else fixed + rest
