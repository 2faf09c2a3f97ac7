"""What a client names inside a message, `BODY[2.1.HEADER.FIELDS (From)]`, as plain data, and the
selection of header lines."""

import re
from dataclasses import dataclass
from typing import Literal

What = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]

_FIELD = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)")  # one field with its folds and its line end


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
    chosen: list[bytes] = []
    for field in _FIELD.findall(header):
        if field == b"\r\n" or field == b"\n":
            chosen.append(field)
            break
        name = field[: max(field.find(b":"), 0)].rstrip(b" \t").lower()
        if field and (name in names) is not invert:
            chosen.append(field)
    return b"".join(chosen)
