"""What a command is answered, and how it is spelled (RFC 1939 3, RFC 2449 3).

The texts are ASCII; in UTF-8 mode too (RFC 6856 2.1 allows more).
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass

MAX_TEXT = 480  # RFC 2449 4: a first line has at most 512 octets, status, code and CRLF included

END = b".\r\n"

Page = list[tuple[int, int | str]]
"""Message numbers, each with what LIST or UIDL says about it."""


@dataclass(frozen=True, slots=True)
class Status:
    """One line. `code` is a response code (RFC 2449 8) without its brackets."""

    ok: bool
    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """A multi-line answer that is short."""

    text: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """One line a message, as many as there are."""

    text: str
    pages: AsyncGenerator[Page, None]


@dataclass(frozen=True, slots=True)
class Content:
    """A message, or the top of one, in pieces as it stands."""

    text: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Challenge:
    """One server step of an AUTH exchange."""

    data: bytes


Answer = Status | Lines | Listing | Content | Challenge


def ok(text: str) -> Status:
    return Status(True, text)


def err(text: str, code: str | None = None) -> Status:
    return Status(False, text, code)


def encode_status(status: Status) -> bytes:
    code = f"[{status.code}] " if status.code else ""
    text = status.text
    # RFC 2449 6.4: text that begins with a bracket is a response code, so no other text may.
    if text.startswith("[") or not text.isascii() or not text.isprintable():
        text = "".join(c if " " <= c <= "~" else "?" for c in text).lstrip("[")
    return f"{'+OK' if status.ok else '-ERR'} {code}{text[:MAX_TEXT]}\r\n".encode("ascii")


def encode_lines(lines: Lines) -> bytes:
    """None of the lines we say begins with a dot."""
    return encode_status(ok(lines.text)) + "".join(f"{line}\r\n" for line in lines.lines).encode() + END


def encode_page(page: Iterable[tuple[int, int | str]]) -> bytes:
    # RFC 1939 5, 7: scan listing, unique-id listing
    return "".join([f"{number} {what}\r\n" for number, what in page]).encode("ascii")


def encode_challenge(challenge: Challenge) -> bytes:
    # RFC 5034 4: an empty challenge keeps its space.
    return b"+ " + b64encode(challenge.data) + b"\r\n"
