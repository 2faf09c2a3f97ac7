"""What a client names inside a message, `BODY[2.1.HEADER.FIELDS (From)]`, as plain data, and the
selection of header lines."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

What = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]

_FIELD = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)")  # one field with its folds and its line end
_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 3.6.8: ftext


@dataclass(frozen=True, slots=True)
class Section:
    """A section-spec (RFC 9051 6.4.5): part numbers, then what of that part. `fields` as the client
    spelled them."""

    path: tuple[int, ...] = ()
    what: What = ""
    fields: tuple[bytes, ...] = ()


def fields(header: bytes, names: frozenset[bytes], invert: bool) -> bytes:
    """The lines of the fields in `names` (lower case), or of all others, as they are, and the blank line.

    RFC 9051 6.4.5: "the blank line is included in all header fetches, except in the case of a message
    that has no body and no blank line."
    """
    pattern = None if invert else _pattern(names)
    if pattern is not None and header.endswith(b"\n"):
        text = b"\n" + header
        found = pattern.findall(text)
        found.append(b"\r\n" if text.endswith(b"\n\r\n") else b"\n" if text.endswith(b"\n\n") else b"")
        return b"\n".join(found)
    chosen: list[bytes] = []
    for field in _FIELD.findall(header):
        if field == b"\r\n" or field == b"\n":
            chosen.append(field)
            break
        name = field[: max(field.find(b":"), 0)].rstrip(b" \t").lower()
        if field and (name in names) is not invert:
            chosen.append(field)
    return b"".join(chosen)


@lru_cache(maxsize=256)
def _pattern(names: frozenset[bytes]) -> re.Pattern[bytes] | None:
    """Finds these fields, each without its last line feed, behind a line feed: at a third of the cost of a
    look at each line. None where some name is none that a field could have."""
    if not names or not all(map(_NAME.fullmatch, names)):
        return None
    either = b"|".join(map(re.escape, sorted(names)))
    return re.compile(
        rb"\n((?:" + either + rb")[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+)",
        re.IGNORECASE,
    )
