"""Takes out of a message that streams by the Authentication-Results that claim to be ours (RFC 8601 5).

Whatever reads our results later could not tell them from these. Nothing else is changed, and of a header
no more than one field is held at a time.
"""

import re

from pillarbox.filter.auth import results

FIELD_LIMIT = results.FIELD_LIMIT  # octets of one field that is held; a longer one of that name is taken out

_NAME = b"authentication-results"
_FIELD_END = re.compile(rb"\r\n(?=[^ \t])")


class Unforged:
    """Content with CRLF line ends goes in piece by piece, and comes out without the forged fields."""

    def __init__(self, authserv_ids: frozenset[str]) -> None:
        self._ours = frozenset(map(results.comparable, authserv_ids))
        self._held = b""  # what cannot be judged before more has come
        self._step = self._line
        self.removed = 0

    def feed(self, piece: bytes) -> bytes:
        if self._step == self._body:
            return piece
        rest = self._held + piece
        out: list[bytes] = []
        while True:
            step = self._step
            taken = step(rest, out)
            rest = rest[taken:]
            if not taken and self._step == step:
                break
        self._held = rest
        return b"".join(out)

    def finish(self) -> bytes:
        """What was held, at the end of a message that ends in its header."""
        held, self._held = self._held, b""
        if self._step == self._dropped or (self._step == self._line and self._forged(held)):
            return b""
        return held

    # Where in the message: each step takes octets from the front and says how many; none, when it needs more.

    def _line(self, rest: bytes, out: list[bytes]) -> int:
        """At the beginning of a line of the header."""
        end = self._end(rest)
        if end < 0:
            if len(rest) > FIELD_LIMIT:
                self._step = self._dropped if _is_results(rest) else self._passed
                self.removed += self._step == self._dropped
            return 0
        unit = rest[:end]
        if self._forged(unit):
            self.removed += 1
            return end
        if unit == b"\r\n":
            self._step = self._body
        out.append(unit)
        return end

    def _passed(self, rest: bytes, out: list[bytes]) -> int:
        """In a line that is too long to be held."""
        end = rest.find(b"\r\n") + 2
        if end < 2:
            end = len(rest) - rest.endswith(b"\r")
        else:
            self._step = self._line
        out.append(rest[:end])
        return end

    def _dropped(self, rest: bytes, out: list[bytes]) -> int:
        """In a field of ours that is too long to be held."""
        match = _FIELD_END.search(rest)
        if match is None:
            return max(len(rest) - 2, 0)
        self._step = self._line
        return match.end()

    def _body(self, rest: bytes, out: list[bytes]) -> int:
        out.append(rest)
        return len(rest)

    def _end(self, rest: bytes) -> int:
        """The end of the line; of a field that may be forged, of its last line."""
        if _is_results(rest):
            match = _FIELD_END.search(rest)
            return -1 if match is None else match.end()
        at = rest.find(b"\r\n")
        return -1 if at < 0 else at + 2

    def _forged(self, unit: bytes) -> bool:
        return _is_results(unit) and results.claims(unit.partition(b":")[2], self._ours)


def _is_results(line: bytes) -> bool:
    name, colon, _ = line[:64].partition(b":")
    return bool(colon) and name.rstrip(b" \t").lower() == _NAME
