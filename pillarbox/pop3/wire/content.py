"""How a message is sent (RFC 1939 3, 11): lines that end in CRLF, dots stuffed, a dot at the end.

Clients differ in what they take for a line end: many split at LF. Were a bare LF sent as it is, a message
with "LF . LF" in it would end early for those, and go on as answers nobody gave. So every bare LF goes as
CRLF. A message that does not end in CRLF gets one, because the dot needs a line of its own.
"""

import re
from collections.abc import Iterable, Iterator

from pillarbox.pop3.wire.answer import END

# Deviates: RFC 1939 5, 11: of a message that has a bare LF or does not end in CRLF, LIST says the size it has
# in the store; RETR sends up to as many octets more as it needs to be text. No message that came by SMTP with
# correct lines is one.
_BARE_LF = re.compile(rb"(?<!\r)\n")
# What most messages have none of: a line end without its CR, a dot that begins a line. To look for both takes
# a third of what it takes to count line ends and to look for dots.
_ODD = re.compile(rb"\n(?:(?<!\r\n)|\.)")
_HELD = (b"\r\n", b"\n", b"\r")


class Stuffer:
    """Stuffs a message piece by piece. A line end at the end of a piece is held back until it is known what
    comes after it."""

    __slots__ = ("_begun", "_held")

    def __init__(self) -> None:
        self._held = b""
        self._begun = False

    def feed(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        text = self._held + piece if self._held else piece
        self._held = next((end for end in _HELD if text.endswith(end)), b"")
        if self._held:
            text = text[: -len(self._held)]
        if not text:
            return b""
        text = _spelled(text)
        if not self._begun:
            self._begun = True
            if text.startswith(b"."):
                return b"." + text
        return text

    def end(self) -> bytes:
        """What is held back, and the end of the answer."""
        held = _spelled(self._held)
        if (held or self._begun) and not held.endswith(b"\n"):
            held += b"\r\n"
        return held + END


def encode_whole(text: bytes) -> bytes:
    """`encode_content` of a message in one piece, as one piece."""
    if not text.endswith(b"\r\n"):
        return b"".join(encode_content((text,)))
    text = _spelled(text)
    return b"%b%b%b" % (b"." if text.startswith(b".") else b"", text, END)


def encode_content(pieces: Iterable[bytes]) -> Iterator[bytes]:
    stuffer = Stuffer()
    for piece in pieces:
        if stuffed := stuffer.feed(piece):
            yield stuffed
    yield stuffer.end()


def _spelled(text: bytes) -> bytes:
    if b"\0" in text:
        # RFC 2449 3: dot-stuffed = *CHAR, and NUL is none. IMAP puts the same octet in its place.
        text = text.replace(b"\0", b"\x80")
    if _ODD.search(text) is None:
        return text
    if text.count(b"\n") != text.count(b"\r\n"):
        text = _BARE_LF.sub(b"\r\n", text)
    return text.replace(b"\n.", b"\n..")
