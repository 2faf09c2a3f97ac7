"""What is indexed of one message: its folded text as octets, by field.

The header is one line for each field, "NAME: TEXT", as SEARCH TEXT sees it; the body one line for each of
its texts. The lines of the fields that are searched most stand apart, because they are few and short.
Folded text has no line ends, so no needle is found across two lines, and no NUL, which marks the lines of
fields whose names are no names: folded they might look like others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.casemap import fold_text
from pillarbox.message.header import Buffer
from pillarbox.message.searchable import Documents, searchable_lines, searchable_parts
from pillarbox.store.index.runs import encode


class Field(IntEnum):
    """What is listed apart, because it is searched alone. The numbers are part of the format."""

    HEADER = 0  # all of it, with the names
    BODY = 1
    FROM = 2
    TO = 3
    CC = 4
    BCC = 5
    SUBJECT = 6
    NAMES = 7  # which fields there are


OWN = {"from": Field.FROM, "to": Field.TO, "cc": Field.CC, "bcc": Field.BCC, "subject": Field.SUBJECT}

# Fields that say the same in many messages and are asked for by name: their lines are listed whole too.
LINED = frozenset(
    """auto-submitted delivered-to errors-to importance list-archive list-help list-id list-post
    list-subscribe list-unsubscribe mime-version organization precedence priority reply-to sender
    user-agent x-beenthere x-loop x-mailer x-mailing-list x-mailman-version x-mimeole x-msmail-priority
    x-priority x-spam-flag""".split()  # noqa: SIM905
)
LONGEST_LINE = 1000  # octets of a line that is listed
TOO_LONG = b"\0"  # listed in the place of a longer one; no folded text has that in it

ODD = b":"  # listed among the names where a field's name is not as `plain` wants it; no name is that

REMEMBERED = 80  # characters of a name that is worth it

_PLAIN = re.compile(r"[!-9;-~]+")


@dataclass(frozen=True, slots=True)
class Document:
    """`own`: the lines of the fields in `OWN`, `header`: those of all others. `lists`: the texts of the
    fields in `OWN`, without their names; `names` of all fields, as they are listed; `lined` the lines of the
    fields in `LINED`."""

    own: bytes
    header: bytes
    body: bytes
    lists: dict[Field, bytes]
    names: frozenset[bytes]
    lined: bytes = b""


def lines_of(text: bytes) -> Iterable[bytes]:
    """What is listed whole of one of `lists`, or of `lined`."""
    if b"\n" not in text and len(text) <= LONGEST_LINE:
        return (text,)
    found = set(text.split(b"\n"))
    found.discard(b"")  # no needle is in it
    if len(text) > LONGEST_LINE:
        found = {line if len(line) <= LONGEST_LINE else TOO_LONG for line in found}
    return found


def plain(name: str) -> bool:
    """Whether a field's name is what RFC 5322 2.2 allows. Of others folding can make the same."""
    return _PLAIN.fullmatch(name) is not None


def start_of(name: str) -> bytes:
    """What the line of a field begins with; its name is `plain`."""
    return encode(_of_name(name)[0])


def _of_name(name: str) -> tuple[str, bytes]:
    """What a line begins with, and what is listed among the names."""
    start = f"{fold_text(name)}: "
    return (start, encode(name)) if plain(name) else (f"\0{start}", ODD)


class _Name(NamedTuple):
    listed: bytes  # among the names
    own: Field | None
    lined: bool
    odd: bool


def _named(name: str) -> _Name:
    return _Name(_of_name(name)[1], OWN.get(name), name in LINED, not plain(name))


_remembered = lru_cache(maxsize=4096)(_named)

NOTHING = Document(b"", b"", b"", {}, frozenset())


def document(message: Buffer, documents: Documents | None = None) -> Document:
    """Of a message's octets. What `documents` reads is part of the body."""
    lists: dict[Field, list[str]] = {}
    names = set()
    own: list[str] = []
    others: list[str] = []
    lined: list[str] = []
    for name, line, at in searchable_lines(message):
        listed, field, is_lined, odd = _remembered(name) if len(name) <= REMEMBERED else _named(name)
        names.add(listed)
        if field is not None:
            own.append(line)
            lists.setdefault(field, []).append(line[at:])
            continue
        if odd:
            line = f"\0{line}"
        others.append(line)
        if is_lined:
            lined.append(line)
    return Document(
        encode("\n".join(own)),
        encode("\n".join(others)),
        encode("\n".join(searchable_parts(message, documents))),
        {field: encode("\n".join(texts)) for field, texts in lists.items()},
        frozenset(names),
        encode("\n".join(lined)),
    )
