"""A message that streams by: its header is kept, its body hashed in the forms that somebody wants of it."""

from collections.abc import Callable, Iterable

from pillarbox.filter.auth import fields
from pillarbox.filter.auth.dkim.body import Bodies, Form, Hashed
from pillarbox.filter.auth.fields import Field

_BLANK_LINE = b"\r\n\r\n"


class Streamed:
    """Give it content with CRLF line ends, then ask. `forms` says, of the fields of the header, how the body
    is to be hashed; of a header longer than `limit` octets nothing is kept, and no body is hashed."""

    __slots__ = ("_bodies", "_forms", "_header", "_limit")

    def __init__(self, forms: Callable[[tuple[Field, ...]], Iterable[Form]], limit: int) -> None:
        self._forms = forms
        self._limit = limit
        self._header = bytearray()
        self._bodies: Bodies | None = None  # None while the header goes on

    def feed(self, piece: bytes) -> None:
        if self._bodies is not None:
            self._bodies.feed(piece)
            return
        before = max(len(self._header) - len(_BLANK_LINE) + 1, 0)
        self._header += piece
        if self._header.startswith(b"\r\n"):
            end = 2  # no header at all
        else:
            at = self._header.find(_BLANK_LINE, before)
            if at < 0:
                if len(self._header) > self._limit:
                    self._header.clear()
                    self._bodies = Bodies(())
                return
            end = at + len(_BLANK_LINE)
        rest = bytes(self._header[end:])
        del self._header[end:]
        self._bodies = Bodies(self._forms(self.fields()))
        self._bodies.feed(rest)

    def fields(self) -> tuple[Field, ...]:
        return fields.split(bytes(self._header))

    def hashes(self) -> dict[Form, Hashed]:
        """Once, at the end. A message that ended before its header did has an empty body."""
        if self._bodies is None:
            self._bodies = Bodies(self._forms(self.fields()))
        return self._bodies.hashes()
