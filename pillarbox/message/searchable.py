"""What SEARCH looks at: the decoded text of a message, folded. The one definition of it.

Headers are decoded fields; bodies are the text parts (HTML as its text), and the headers and text
parts of messages inside. `fold_text` is applied to needles and text alike.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress

from pillarbox.message import html
from pillarbox.message.decode import UnknownEncoding, charset_decode, header_text, transfer_decode
from pillarbox.message.header import Buffer, Raw, fields, header_end, raw_of
from pillarbox.message.limits import MAX_HEADER
from pillarbox.message.walk import Kind, Node, walk


class _Casemap(dict[int, str]):
    """What each character becomes, found when it is first met; at most one entry a character."""

    def __missing__(self, code: int) -> str:
        # RFC 5051 2: (a) the simple titlecase, (b) decomposed to the end, each character for itself.
        # A title of several characters comes from SpecialCasing.txt, which is not asked.
        title = chr(code).title()
        self[code] = folded = unicodedata.normalize("NFKD", title if len(title) == 1 else chr(code))
        return folded


_CASEMAP = _Casemap()


def fold_text(text: str) -> str:
    """i;unicode-casemap (RFC 5051 2), with each run of white space as one space."""
    if text.isascii():
        folded = text.upper()
    else:
        folded = text.translate(_CASEMAP)
    joined = " ".join(folded.split())
    if not joined:
        return " " if folded else ""
    # Spaces at the ends count: the needle "for " is not in "fortune".
    return (" " if folded[0].isspace() else "") + joined + (" " if folded[-1].isspace() else "")


def searchable_header(buffer: Buffer) -> list[tuple[str, str]]:
    """(lower-case name, folded text) of each field of the message's header."""
    raw = raw_of(buffer)
    return [(name, fold_text(text)) for name, text in _header(raw, 0, header_end(raw))]


def _header(raw: Raw, start: int, end: int) -> Iterator[tuple[str, str]]:
    """(lower-case name, text) of each field."""
    for name, value in fields(raw[start : min(end, start + MAX_HEADER)]):
        yield name.decode("latin-1"), header_text(value)


def searchable_body(buffer: Buffer) -> Iterator[str]:
    """The folded text of each text part, and of each header of a message inside the message."""
    raw = raw_of(buffer)
    pending = [walk(raw)]
    while pending:
        node = pending.pop()
        pending += reversed(node.children)
        if node.kind is Kind.MESSAGE:
            inner = node.children[0]
            for name, text in _header(raw, inner.start, inner.body):
                yield fold_text(f"{name}: {text}")
        elif node.kind is Kind.LEAF and node.content.type == "text":
            yield fold_text(text_of(raw, node, node.end))


def text_of(raw: Raw, node: Node, end: int) -> str:
    """The text of a text part up to `end`; HTML as its text."""
    source = source_of(raw, node, end)
    return html.text(source) if node.content.subtype == "html" else source


def source_of(raw: Raw, node: Node, end: int) -> str:
    """The part's characters. An encoding nobody knows is taken for none."""
    data = raw[node.body : end]
    with suppress(UnknownEncoding):
        data = transfer_decode(data, node.encoding)
    return charset_decode(data, node.content.charset)
