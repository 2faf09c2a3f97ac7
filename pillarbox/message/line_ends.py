"""Line ends of mail that comes in as text files: `deliver` and `import` make them CRLF.

APPEND and the network protocols never use this: what a client sends is kept octet for octet.
"""

from collections.abc import Iterable, Iterator


class LineEnds:
    """Turns each LF that has no CR before it into CRLF, piece by piece. Nothing else is touched."""

    def __init__(self) -> None:
        self._after_cr = False  # the last piece ended in CR

    def feed(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        split = self._after_cr and piece.startswith(b"\n")
        self._after_cr = piece.endswith(b"\r")
        if split:
            return b"\n" + _converted(piece[1:])
        return _converted(piece)


def _converted(piece: bytes) -> bytes:
    return piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def to_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces with CRLF line ends."""
    ends = LineEnds()
    for piece in pieces:
        if converted := ends.feed(piece):
            yield converted
