"""Hashes of a body that streams by, in the forms that its signatures ask for (RFC 6376 3.4.3, 3.4.4, 3.7).

Empty lines at the end do not count, and nobody knows yet whether it is the end: so line ends are counted
and given to the hash when something follows. However the body is cut, no piece of it is kept but for a
space and a CR.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pillarbox.filter.auth.dkim.canonical import Canonical

FORMS_LIMIT = 8  # different hashes of one body; each costs a pass over it

_CRLF = b"\r\n"
_MANY = _CRLF * 4096
_WHITE = re.compile(rb"\t[ \t]*+| [ \t]++")  # of white space what is not one space already


@dataclass(frozen=True, slots=True)
class Form:
    """`limit`: the value of l=, else None."""

    canonical: Canonical
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Hashed:
    """`size`: octets of the canonical body; not all of them are hashed where there is a limit."""

    digest: bytes
    size: int


class Bodies:
    """Give it the forms, then the body, then ask for the hashes."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._bodies = {form: _Body(form) for form in list(dict.fromkeys(forms))[:FORMS_LIMIT]}

    def feed(self, piece: bytes) -> None:
        for body in self._bodies.values():
            body.feed(piece)

    def hashes(self) -> dict[Form, Hashed]:
        return {form: body.finish() for form, body in self._bodies.items()}


class _Body:
    __slots__ = ("_hash", "_left", "_line_ends", "_relaxed", "_rest", "_size")

    def __init__(self, form: Form) -> None:
        self._relaxed = form.canonical is Canonical.RELAXED
        self._left = form.limit
        self._hash = hashlib.sha256()
        self._size = 0
        self._line_ends = 0  # that nothing has followed yet
        self._rest = b""  # of these: a space and a CR, or one of them, or nothing

    def feed(self, piece: bytes) -> None:
        octets = self._rest + piece
        if self._relaxed:
            octets = _WHITE.sub(b" ", octets).replace(b" \r\n", _CRLF)
        end = len(octets)
        if octets.endswith(b"\r"):
            end -= 1
        if self._relaxed and octets.endswith(b" ", 0, end):
            end -= 1
        self._rest = octets[end:]
        content = _without_line_ends(octets[:end])
        line_ends = (end - len(content)) // 2
        if content:
            self._put_line_ends()
            self._put(content)
        self._line_ends += line_ends

    def finish(self) -> Hashed:
        rest = self._rest.rstrip(b" ") if self._relaxed else self._rest
        if rest:  # a CR that belongs to no line end
            self._put_line_ends()
            self._put(rest)
        # RFC 6376 3.4.4: a relaxed body that is empty stays empty; 3.4.3: a simple one is a line end.
        if self._size or not self._relaxed:
            self._put(_CRLF)
        return Hashed(self._hash.digest(), self._size)

    def _put_line_ends(self) -> None:
        octets = self._line_ends * 2
        self._line_ends = 0
        while octets:
            some = _MANY[:octets]
            self._put(some)
            octets -= len(some)

    def _put(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._left is not None:
            octets = octets[: self._left]
            self._left -= len(octets)
        self._hash.update(octets)


def _without_line_ends(octets: bytes) -> bytes:
    """Without the CRLFs at its end. A lone CR or LF there is content."""
    content = octets.rstrip(_CRLF)
    tail = octets[len(content) :]
    if tail == _CRLF * (len(tail) // 2):
        return content
    end = len(octets)
    while octets.endswith(_CRLF, 0, end):
        end -= 2
    return octets[:end]
