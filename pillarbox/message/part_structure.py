"""BODYPARTSTRUCTURE (RFC 5524 3.2): the structure of what a section means, out of the stored BODYSTRUCTURE of
the whole message."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from pillarbox.message.structure import Item, items_of, reduced

if TYPE_CHECKING:
    from pillarbox.message.section import Section

_RFC822, _GLOBAL = [b'"message"', b'"rfc822"'], [b'"message"', b'"global"']
_ENCODING, _SIZE, _LINES = 5, 6, 7  # body-fld-enc, body-fld-octets, body-fld-lines: their places in a body


def part_structure(
    stored: bytes, section: Section, *, decoded: tuple[int, int] | None = None, rev1: bool = False
) -> bytes | None:
    """None when `section` names no part, or a header. `decoded`: the part is sent without its transfer
    encoding and has so many octets and lines then; `rev1` as for BODYSTRUCTURE."""
    if section.what not in ("", "TEXT"):
        return None
    body = _body(stored, section.path, whole=section.what == "TEXT")
    if body is None:
        return None
    structure = reduced(stored, body, extensible=True, rev1=rev1)
    return structure if decoded is None else _identity(structure, *decoded)


def of_header(size: int, octets: bytes | None) -> bytes:
    """No RFC gives a header a structure: this says what its octets are. They are None where they are many."""
    if octets is None:
        return b'("application" "octet-stream" NIL NIL NIL "8bit" %d NIL NIL NIL NIL)' % size
    encoding = b"7bit" if octets.isascii() else b"8bit"
    fields = encoding, size, octets.count(b"\n")
    return b'("text" "rfc822-headers" NIL NIL NIL "%b" %d %d NIL NIL NIL NIL)' % fields


def _body(stored: bytes, path: tuple[int, ...], *, whole: bool) -> list[Item] | None:
    """The items of the body at `path` in the body of a message; `whole`: of the message there."""
    items = items_of(stored)
    is_message = True
    for number in path:
        if not is_message:
            inner = _inside(stored, items)
            if inner is None:
                return None
            items = inner
        parts = _parts(items) if _is_multipart(items) else [items]
        if number > len(parts):
            return None
        items = parts[number - 1]
        is_message = False
    return _inside(stored, items) if whole and not is_message else items


def _parts(items: list[Item]) -> list[list[Item]]:
    """The bodies that a multipart begins with."""
    return [inner for _, _, inner in takewhile(lambda item: item[2] is not None, items) if inner is not None]


def _is_multipart(items: list[Item]) -> bool:
    return items[0][2] is not None


def _inside(stored: bytes, items: list[Item]) -> list[Item] | None:
    """Where the parts of a part are: in itself, or in the message that it is."""
    if _is_multipart(items):
        return items
    kind = [stored[start:end].lower() for start, end, _ in items[:2]]
    return items[8][2] if kind in (_RFC822, _GLOBAL) else None


def _identity(structure: bytes, size: int, lines: int) -> bytes:
    """RFC 5524 3.2: what was decoded is told of as it has become."""
    items = items_of(structure)
    pieces = [structure[start:end] for start, end, _ in items]
    pieces[_ENCODING], pieces[_SIZE] = b'"binary"', b"%d" % size
    if pieces[0].lower() == b'"text"':
        pieces[_LINES] = b"%d" % lines
    return b"(" + b" ".join(pieces) + b")"
