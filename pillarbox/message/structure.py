"""BODYSTRUCTURE and its reduced forms (RFC 9051 7.5.2).

The full form is stored with the message; BODY, and what a session that does not know message/global
gets, are made from it.
"""

from __future__ import annotations

import re

from pillarbox.message.content import Parameters, disposition, languages, spelled_parameters, transfer
from pillarbox.message.envelope import envelope
from pillarbox.message.spelling import nstring
from pillarbox.message.walk import Kind, Node


def structure(root: Node) -> bytes:
    """The BODYSTRUCTURE of a message, with all extension data."""
    out: list[bytes] = []
    _entity(root, out)
    return b"".join(out)


def _entity(node: Node, out: list[bytes]) -> None:
    get = node.fields.get
    if node.kind is Kind.MULTIPART:
        out.append(b"(")
        for child in node.children:
            _entity(child, out)
        out.append(b" %b " % node.content.spelled)
    else:
        spelled = node.content.spelled
        if node.kind is Kind.OPAQUE:
            # Deviates: RFC 9051 7.5.2 has the declared type. A message or multipart that is encoded, or too
            # deep, or beyond the limit of parts is shown as application/octet-stream: the grammar knows no
            # message and no multipart that is not looked into.
            spelled = b'"application" "octet-stream" ' + _parameters(node.content.parameters)
        out.append(
            b"(%b %b %b %b %d"
            % (
                spelled,
                nstring(get(b"content-id") or None),
                nstring(get(b"content-description") or None),
                transfer(get(b"content-transfer-encoding")).spelled,
                node.end - node.body,
            )
        )
        if node.kind is Kind.MESSAGE:
            out.append(b" %b " % envelope(node.children[0].fields))
            _entity(node.children[0], out)
            out.append(b" %d" % node.lines)
        elif node.content.type == "text":
            out.append(b" %d" % node.lines)
        out.append(b" %b " % nstring(get(b"content-md5") or None))
    out.append(_extension(node))


_NO_EXTENSION = b"NIL NIL NIL)"


def _extension(node: Node) -> bytes:
    """Disposition, language and location, and the end of the body."""
    get = node.fields.get
    shown, language, location = (
        get(b"content-disposition"),
        get(b"content-language"),
        get(b"content-location"),
    )
    if shown is None and language is None and location is None:
        return _NO_EXTENSION
    return b"%b %b %b)" % (
        disposition(shown or b""),
        languages(language or b""),
        nstring(location or None),
    )


def _parameters(pairs: Parameters) -> bytes:
    return spelled_parameters(tuple(pair for pair in pairs if pair[0].lower() != b"boundary"))


_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|\{(\d+)\}\r\n|[()]|[^"{() ]++', re.DOTALL)

# A string, number, NIL or list of a stored spelling: its start and end, and the items of a list.
Item = tuple[int, int, "list[Item] | None"]


def items_of(stored: bytes) -> list[Item]:
    """The items of the body that `stored` spells."""
    items: list[Item] = []
    outer: list[tuple[int, list[Item]]] = []
    at, size = 0, len(stored)
    while at < size:
        match = _TOKEN.match(stored, at)
        if match is None:  # a space
            at += 1
            continue
        start, at = at, match.end()
        octet = stored[start]
        if octet == 0x28:
            outer.append((start, items))
            items = []
        elif octet == 0x29:
            held = items
            start, items = outer.pop()
            items.append((start, at, held))
        else:
            if match[1]:
                at += int(match[1])
            items.append((start, at, None))
    return items[0][2] or []


def body_from_structure(stored: bytes, *, rev1: bool = False) -> bytes:
    """BODY: the same without extension data; `rev1`: and as `without_global` would have it."""
    return reduced(stored, items_of(stored), extensible=False, rev1=rev1)


def without_global(stored: bytes) -> bytes:
    """The BODYSTRUCTURE for sessions that know only RFC 3501, where message/global is a basic type: its
    envelope, body and lines are left out (RFC 3501 9: media-message is MESSAGE/RFC822 alone)."""
    if b'"global"' not in stored.lower():
        return stored
    return reduced(stored, items_of(stored), extensible=True, rev1=True)


def reduced(stored: bytes, items: list[Item], *, extensible: bool, rev1: bool) -> bytes:
    """A body of these items, without what `extensible` and `rev1` forbid."""
    bodies: list[list[Item]] = []
    for _, _, inner in items:
        if not inner:
            break
        bodies.append(inner)
    rest = [stored[start:end] for start, end, _ in items[len(bodies) :]]
    if bodies:
        children = b"".join([reduced(stored, inner, extensible=extensible, rev1=rev1) for inner in bodies])
        return b"(%b %b)" % (children, b" ".join(rest if extensible else rest[:1]))
    kind, subkind = rest[0].lower(), rest[1].lower()
    keep = 7
    if kind == b'"message"' and subkind in (b'"rfc822"', b'"global"'):
        if rev1 and subkind == b'"global"':
            del rest[7:10]
        else:
            keep = 10
            rest[8] = reduced(stored, items[8][2] or [], extensible=extensible, rev1=rev1)
    elif kind == b'"text"':
        keep = 8
    return b"(" + b" ".join(rest if extensible else rest[:keep]) + b")"
