"""Where a line ends, where a dotted body ends. Pure: no state beyond the bytes, no IO."""

MORE = 0  # no answer without further bytes
TOO_LONG = -1

_END = b"\r\n.\r\n"
_PREFIXES = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


def find_line(data: bytes, start: int, limit: int) -> int:
    """The index just past the line that begins at `start`, or MORE, or TOO_LONG."""
    end = data.find(b"\n", start, start + limit)
    if end >= 0:
        return end + 1
    return TOO_LONG if len(data) - start >= limit else MORE


class Unstuffer:
    """RFC 5321 4.5.2 transparency, undone piece by piece.

    RFC 5321 4.1.1.4: only CRLF "." CRLF ends the data, and only a dot right after CRLF is stuffing. A
    bare LF or CR begins no line here, so "\\n.\\n" can neither end the message nor lose its dot: what
    another server took for one message stays one.
    """

    __slots__ = ("_held", "_virtual", "ended")

    def __init__(self) -> None:
        # The CRLF of the DATA command counts as the one before the first line.
        self._held = b"\r\n"
        self._virtual = 2
        self.ended = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Content found in `data`, and how much of `data` it took: all of it unless `ended`.

        What may be the beginning of the end is held back until more is known.
        """
        held = len(self._held)
        text = self._held + data if held else data
        at = text.find(_END)
        if at >= 0:
            self.ended = True
            content = text[: at + 2]
            used = at + len(_END) - held
        else:
            self._held = next((prefix for prefix in _PREFIXES if text.endswith(prefix)), b"")
            content = text[: len(text) - len(self._held)] if self._held else text
            used = len(data)
        content = content.replace(b"\r\n.", b"\r\n")
        if self._virtual and content:
            content, self._virtual = content[self._virtual :], 0
        return content, used
