"""The text of header fields, folded, as SEARCH sees it.

A field is searched as it is written, folds undone and encoded words decoded. A field of addresses is
searched as ENVELOPE shows it too, where that differs: quotes and escapes gone, comments in the place of
names. These are texts of their own, in which a needle is or is not.
"""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.addresses import MISSING_DOMAIN, MISSING_MAILBOX, addresses, is_plain
from pillarbox.message.casemap import SPACES_RUN, Fold, decode, encode, fold_text
from pillarbox.message.decode import header_text
from pillarbox.message.envelope import ADDRESS_FIELDS
from pillarbox.message.header import unfolded
from pillarbox.message.limits import MAX_FIELD, MAX_FIELDS, MAX_HEADER, MEMO_ENTRIES, MEMO_KEY

# What nearly all headers consist of stays as it is, or becomes a capital; NUL says that there is more.
_CAPITALS = bytes(
    32 if code == 9 else code if code in b"\n\r" else ord(chr(code).upper()) if 32 <= code < 127 else 0
    for code in range(256)
)
# Addresses that are shown as they are written; to tell that of others takes a look at their octets.
_SPEC = rb"[-A-Z0-9._+=]++@[-A-Z0-9.]++"
_ADDRESS = rb"(?:(?:[-A-Z0-9!#$%%&'*+/=?^_`{|}~.]++ )*+<%b>|%b)" % (_SPEC, _SPEC)
_LONGEST_KNOWN = 80  # octets of a name that is worth it
_AS_WRITTEN = re.compile(rb"%b(?:, %b)*+" % (_ADDRESS, _ADDRESS))
CONTENT = frozenset((b"content-type", b"content-transfer-encoding", b"content-disposition"))

Line = tuple[bytes, bytes, bytes]
"""A field: its name in lower case, as it is written; folded and in UTF-8 "NAME: TEXT", and the text alone."""


class Lines(NamedTuple):
    """The fields of a header, in order. `content`: what the first of each in `CONTENT` says, in capitals;
    None where nobody has looked."""

    lines: list[Line]
    content: dict[bytes, bytes] | None


def field_texts(name: bytes, value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    """The texts of one field: its lower-case name and unfolded value."""
    if name not in ADDRESS_FIELDS:
        return (_folded(value[:MAX_FIELD], fold),)
    if fold is not fold_text:
        return _address_texts(value[:MAX_FIELD], fold)
    return _remembered(value) if len(value) <= MEMO_KEY else _address_texts(value[:MAX_FIELD])


def header_texts(header: bytes, fold: Fold = fold_text) -> Iterator[tuple[str, str]]:
    """(lower-case name, text) of each field of a header, in order. With another `fold` than the usual one
    names are as they are written."""
    if fold is fold_text:
        for name, _, folded in header_lines(header).lines:
            yield name.decode("latin-1"), decode(folded)
        return
    for written in _lines(unfolded(header[:MAX_HEADER])):
        start, colon, value = written.partition(b":")
        if colon:
            start = start.rstrip(b" \t")
            for text in field_texts(start.lower(), value.strip(b" \t\r"), fold):
                yield start.decode("latin-1"), text


def header_lines(header: bytes) -> Lines:
    """Each field as TEXT sees it. One that has several texts has as many lines."""
    header = header[:MAX_HEADER]
    return _at_once(header) or Lines(
        [
            line
            for start, colon, value in [written.partition(b":") for written in _lines(unfolded(header))]
            if colon
            for line in _lines_of(start.rstrip(b" \t").lower(), value)
        ],
        None,
    )


def _at_once(header: bytes) -> Lines | None:
    """The short way: most fields of most headers need nothing but capitals and single spaces, which all of
    them get at once. None for headers it is not for."""
    capitals = header.translate(_CAPITALS, b"\r")
    if b"\0" in capitals or len(header) > MAX_FIELD or len(header) - len(capitals) != header.count(b"\r\n"):
        return None
    folded = _lines(SPACES_RUN.sub(b" ", b" ".join(capitals.split(b"\n "))).rstrip(b"\n "))
    words, spaced = b"?" in capitals and b"=?" in capitals, False
    written: list[bytes] = []
    lines: list[Line] = []
    content: dict[bytes, bytes] = {}
    for number, line in enumerate(folded):
        start, colon, text = line.partition(b": ")
        known = _known.get(start)
        if known is None or not colon or line[-1] == _SPACE:
            start, colon, text = line.partition(b":")
            if not colon:
                continue
            text = text.strip(b" ")
            line = b"%b: %b" % (start, text)
            known = _look_at(start)
        name, kind = known
        if kind is not _ORDINARY or words:
            if kind is _CONTENT:
                content.setdefault(name, text)
            elif kind is _SPACED:
                spaced = True
            if (
                kind is _SPACED
                or (kind is _ADDRESSES and not _is_as_written(text))
                or (words and b"=?" in line)
            ):
                written = written or _FIELD_ENDS.split(header)
                lines += _lines_of(name, unfolded(written[number]).partition(b":")[2])
                continue
        lines.append((name, line, text))
    return Lines(lines, None if spaced else content)


_FIELD_ENDS = re.compile(rb"\n(?![ \t])")
_SPACE = 32
_ORDINARY, _ADDRESSES, _CONTENT, _SPACED = range(4)
_known: dict[bytes, tuple[bytes, int]] = {}  # names in capitals; and what else to do with their fields


def _look_at(start: bytes) -> tuple[bytes, int]:
    """What `_known` is to have."""
    name = start.lower()
    if name.endswith(b" "):
        return name.rstrip(b" "), _SPACED
    kind = _ADDRESSES if name in ADDRESS_FIELDS else _CONTENT if name in CONTENT else _ORDINARY
    if len(name) <= _LONGEST_KNOWN:
        if len(_known) >= MEMO_ENTRIES:
            _known.clear()
        _known[start] = name, kind
    return name, kind


@lru_cache(maxsize=MEMO_ENTRIES)
def _as_written(text: bytes) -> bool:
    return _AS_WRITTEN.fullmatch(text) is not None


def _is_as_written(text: bytes) -> bool:
    return _as_written(text) if len(text) <= MEMO_KEY else _AS_WRITTEN.fullmatch(text) is not None


def _lines(header: bytes) -> list[bytes]:
    return header.split(b"\n", MAX_FIELDS)[:MAX_FIELDS]


# With what their lines begin with.
_ADDRESS_STARTS = {name: name.upper() + b": " for name in ADDRESS_FIELDS}


def _lines_of(name: bytes, value: bytes) -> list[Line]:
    """By the letter."""
    start = _ADDRESS_STARTS.get(name) or encode(f"{fold_text(name.decode('latin-1'))}: ")
    texts = [encode(text) for text in field_texts(name, value.strip(b" \t\r"))]
    return [(name, start + text, text) for text in texts]


def _folded(value: bytes, fold: Fold = fold_text) -> str:
    return fold(header_text(value), sys.maxsize).strip(" ")


def _address_texts(value: bytes, fold: Fold = fold_text) -> tuple[str, ...]:
    written = _folded(value, fold)
    if is_plain(value):
        return (written,)
    shown = fold(_shown(value), sys.maxsize).strip(" ")
    return (written,) if shown in written else (written, shown)


_remembered = lru_cache(maxsize=MEMO_ENTRIES)(_address_texts)


def _shown(value: bytes) -> str:
    """The addresses as `Name <local@domain>`, a group as `Name: members;`."""
    out: list[str] = []
    comma = ""
    for name, _, mailbox, host in addresses(value):
        if host is None:
            if mailbox is None:
                out.append(";")
                comma = ", "
            else:
                out.append(f"{comma}{header_text(mailbox)}: ")
                comma = ""
            continue
        spelled = b"" if mailbox is None or mailbox == MISSING_MAILBOX else mailbox
        if host != MISSING_DOMAIN:
            spelled += b"@" + host
        if name and spelled:
            out.append(f"{comma}{header_text(name)} <{header_text(spelled)}>")
        else:
            out.append(comma + header_text(name or spelled))
        comma = ", "
    return "".join(out)
