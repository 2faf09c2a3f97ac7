"""Replies and how they are spelled (RFC 5321 4.2, RFC 2034)."""

from dataclasses import dataclass

MAX_TEXT = 480  # RFC 5321 4.5.3.1.5: a reply line has at most 512 octets, code and CRLF included


@dataclass(frozen=True, slots=True)
class Reply:
    """`lines` has at least one. RFC 2034 4: no enhanced code in greetings, in replies to LHLO and EHLO, and
    in 3xx replies."""

    code: int
    enhanced: str
    lines: tuple[str, ...]


def reply(code: int, enhanced: str, *lines: str) -> Reply:
    return Reply(code, enhanced, lines)


def encode(reply: Reply) -> bytes:
    enhanced = reply.enhanced + " " if reply.enhanced else ""
    last = len(reply.lines) - 1
    return b"".join(
        f"{reply.code}{' ' if number == last else '-'}{enhanced}".encode() + _text(line) + b"\r\n"
        for number, line in enumerate(reply.lines)
    )


def _text(line: str) -> bytes:
    """RFC 5321 4.2: textstring = 1*(%d09 / %d32-126). Whatever a peer wrote cannot end the line."""
    if not line.isascii() or not line.isprintable():
        line = "".join(c if " " <= c <= "~" else "?" for c in line)
    return line[:MAX_TEXT].encode("ascii")
