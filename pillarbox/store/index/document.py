"""What is indexed of one message: its folded text as octets, by field.

The header is one line for each field, "NAME: TEXT", as SEARCH TEXT sees it; the body one line for each of
its texts. The lines of the fields that are searched most stand apart, because they are few and short.
Folded text has no line ends, so no needle is found across two lines, and no NUL, which marks the lines of
fields whose names are no names: folded they might look like others.
"""

from __future__ import annotations

import re
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from pillarbox.message.casemap import fold_text
from pillarbox.message.folded import folded
from pillarbox.message.header import Buffer
from pillarbox.message.searchable import Documents
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

REMEMBERED = 80  # octets of a name that is worth it
MOST_REMEMBERED = 4096

_PLAIN = re.compile(r"[!-9;-~]+")


class Document(NamedTuple):
    """`own`: the lines of the fields in `OWN`, `header`: those of all others. `lists`: the texts of the
    fields in `OWN`, without their names; `names` of all fields, as they are listed; `lined` the lines of the
    fields in `LINED`."""

    own: bytes
    header: bytes
    body: bytes
    lists: dict[Field, bytes]
    names: frozenset[bytes]
    lined: bytes = b""


def lines_of(text: bytes) -> bytes:
    """The lines that are listed whole of one of `lists`, or of `lined`."""
    if len(text) <= LONGEST_LINE:
        return text
    return b"\n".join([line if len(line) <= LONGEST_LINE else TOO_LONG for line in text.split(b"\n")])


def plain(name: str) -> bool:
    """Whether a field's name is what RFC 5322 2.2 allows. Of others folding can make the same."""
    return _PLAIN.fullmatch(name) is not None


def start_of(name: str) -> bytes:
    """What the line of a field begins with; its name is `plain`."""
    return encode(f"{fold_text(name)}: ")


class _Way(Enum):
    """Where else a field goes, or where instead."""

    ORDINARY = 0
    LINED = 1
    ODD = 2


_ORDINARY: Final = _Way.ORDINARY
_LINED: Final = _Way.LINED
_ODD: Final = _Way.ODD
_ways: dict[bytes, Field | _Way] = {}  # of names


def _way(name: bytes) -> Field | _Way:
    """What `_ways` is to have."""
    written = name.decode("latin-1")
    way: Field | _Way = _Way.ORDINARY
    if written in OWN:
        way = OWN[written]
    elif written in LINED:
        way = _Way.LINED
    elif not plain(written):
        way = _Way.ODD
    if len(name) <= REMEMBERED:
        if len(_ways) >= MOST_REMEMBERED:
            _ways.clear()
        _ways[name] = way
    return way


NOTHING = Document(b"", b"", b"", {}, frozenset())


def document(message: Buffer, documents: Documents | None = None) -> Document:
    """Of a message's octets. What `documents` reads is part of the body."""
    lists: dict[Field, list[bytes]] = {}
    own: list[bytes] = []
    others: list[bytes] = []
    lined: list[bytes] = []
    lines, parts = folded(message, documents)
    names = {name for name, _, _ in lines}
    for name, line, text in lines:
        way = _ways.get(name) or _way(name)
        if way is _ORDINARY:
            others.append(line)
        elif way is _LINED:
            others.append(line)
            lined.append(line)
        elif way is _ODD:
            others.append(b"\0" + line)
            names.discard(name)
            names.add(ODD)
        else:
            own.append(line)
            lists.setdefault(way, []).append(text)
    return Document(
        b"\n".join(own),
        b"\n".join(others),
        b"\n".join(parts),
        {field: b"\n".join(texts) for field, texts in lists.items()},
        frozenset(names),
        b"\n".join(lined),
    )
