"""The PREVIEW of a message (RFC 8970): the first words of its text."""

import re

from pillarbox.message import html
from pillarbox.message.decode import known_charset
from pillarbox.message.header import Raw
from pillarbox.message.limits import MAX_PREVIEW_SOURCE
from pillarbox.message.text_part import source_of
from pillarbox.message.walk import Kind, Node

_LENGTH = 200  # RFC 8970 3.3: the server SHOULD limit it to 200 preview characters
_FIRST_LOOK, _FIRST_LOOK_HTML = 2_048, 8_192  # octets of a body that are nearly always enough
_GLANCE = 1_024  # octets
_IDENTITY = frozenset(("7bit", "8bit", "binary", ""))
_LIKE_ASCII = frozenset((None, "ascii", "utf_8", "cp1252", "iso8859_15"))  # ASCII in these is itself
_QUOTATION = re.compile(rb"\n>[^\n]*+")
_PRINTABLE = re.compile(rb"[ -~]*+")
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD], None)
for _white in b"\t\n\r\v\f":
    _CONTROLS.pop(_white)


def preview(raw: Raw, root: Node) -> bytes:
    """At most 200 characters in UTF-8, on one line; b"" when the message has no text."""
    node = _first_text(root)
    if node is None:
        return b""
    is_html = node.content.subtype == "html"
    if not is_html and (plain := _at_a_glance(raw, node)):
        return plain
    for octets in (_FIRST_LOOK_HTML if is_html else _FIRST_LOOK, MAX_PREVIEW_SOURCE):
        source = _beginning(raw, node, octets)
        text = " ".join(html.text(source).split() if is_html else _own_words(source))
        if len(text) >= _LENGTH or node.body + octets >= node.end:
            break
    if not text and not is_html:
        text = " ".join(source.split())  # nothing but quotations
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    return text[:_LENGTH].rstrip().encode("utf-8", "replace")


def _at_a_glance(raw: Raw, node: Node) -> bytes | None:
    """The preview of a text that begins with enough ASCII as it stands, as most do; None for others."""
    if node.encoding not in _IDENTITY or known_charset(node.content.charset) not in _LIKE_ASCII:
        return None
    piece = raw[node.body : min(node.body + _GLANCE, node.end)]
    if b">" in piece:
        piece = _QUOTATION.sub(b"", b"\n" + piece)
    # What is cut may be the end of a word, behind what is shown.
    text = b" ".join(piece[: _LENGTH + 100].split())[:_LENGTH]
    return text.rstrip() if len(text) == _LENGTH and _PRINTABLE.fullmatch(text) else None


def _beginning(raw: Raw, node: Node, octets: int) -> str:
    """The part's text up to about `octets`. Cut between words, because half a character would make
    unlabelled UTF-8 look like something else."""
    end = node.body + octets
    if end >= node.end:
        return source_of(raw, node, node.end)
    piece = raw[node.body : end]
    cut = max(piece.rfind(b"\n"), piece.rfind(b" "))
    return source_of(raw, node, node.body + cut if cut > 0 else end)


def _first_text(root: Node) -> Node | None:
    """The first text part that is no attachment: plain before HTML."""
    html_part: Node | None = None
    pending = [root]
    while pending:
        node = pending.pop()
        pending += reversed(node.children)
        if node.kind is not Kind.LEAF or node.content.type != "text":
            continue
        if node.fields.get(b"content-disposition", b"").lower().startswith(b"attachment"):
            continue
        if node.content.subtype != "html":
            if node.end > node.body:
                return node
        elif html_part is None:
            html_part = node
    return html_part


def _own_words(source: str) -> list[str]:
    """The first words of lines that quote nobody, as many as can be needed."""
    if source.startswith(">") or "\n>" in source:
        source = " ".join([line for line in source.split("\n") if not line.startswith(">")])
    # What is cut may be the end of a word, behind what is shown.
    words = source[: 3 * _LENGTH].split()
    return words if sum(map(len, words)) >= _LENGTH else source.split(None, _LENGTH)[:_LENGTH]
