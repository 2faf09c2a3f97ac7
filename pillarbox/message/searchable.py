"""What SEARCH looks at: the decoded text of a message, folded. The one definition of it, and brute force
over it, which is the truth that an index is held against.

A message is `headers`, one text for each field, and `parts`, one text for each piece of its body: the
text parts (HTML as its text), the header fields of messages inside, and the names of files. A needle is
found within one of these texts, never across two. Preambles, epilogues and what is no text are not
searched; nor is what lies beyond `MAX_SEARCHED`.

The text of an attached document is what `documents` says it is. Who keeps an index keeps what that said
with it and passes what was kept; so index and brute force see the same text, also when the program that
reads documents has changed since, or is gone. Without `documents` no document is searched.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pillarbox.message import html
from pillarbox.message.casemap import fold_text as fold_text
from pillarbox.message.decode import UnknownEncoding, charset_decode, header_text, transfer_decode
from pillarbox.message.header import Buffer, Raw, fields, header_end, raw_of
from pillarbox.message.limits import MAX_HEADER, MAX_SEARCHED
from pillarbox.message.walk import Kind, Node, walk

VERSION = 1  # grows with any change to what `searchable` answers for the same octets

# (content type such as "application/pdf", file name or "", decoded octets) -> the document's text or ""
Documents = Callable[[str, str, bytes], str]


@dataclass(frozen=True, slots=True)
class Searchable:
    """`headers`: (lower-case name, folded text), in order; a field may have more than one text."""

    headers: tuple[tuple[str, str], ...]
    parts: tuple[str, ...]


def searchable(buffer: Buffer, documents: Documents | None = None, limit: int = MAX_SEARCHED) -> Searchable:
    """All that is searched. Any octets will do; an mmap is not copied as a whole."""
    return Searchable(searchable_headers(buffer), tuple(searchable_parts(buffer, documents, limit)))


def in_header(message: Searchable, name: str, needle: str) -> bool:
    """Is the folded `needle` in a field of this lower-case name? The empty one is in any that exists."""
    return any(one == name and needle in text for one, text in message.headers)


def in_body(message: Searchable, needle: str) -> bool:
    return not needle or any(needle in text for text in message.parts)


def in_text(message: Searchable, needle: str) -> bool:
    """Is the folded `needle` in the body, or in a line of the header? The field's name belongs to it."""
    return in_body(message, needle) or any(needle in line(name, text) for name, text in message.headers)


def line(name: str, text: str) -> str:
    """A field as TEXT sees it."""
    return f"{fold_text(name)}: {text}"


def searchable_headers(buffer: Buffer) -> tuple[tuple[str, str], ...]:
    """The `headers` alone; the message's header is enough for that."""
    raw = raw_of(buffer)
    return tuple(_header(raw, 0, header_end(raw)))


def searchable_parts(
    buffer: Buffer, documents: Documents | None = None, limit: int = MAX_SEARCHED
) -> Iterator[str]:
    """The `parts` alone, as they are found."""
    raw = raw_of(buffer)
    pending = [walk(raw)]
    while pending:
        node = pending.pop()
        pending += reversed(node.children)
        if node.kind is Kind.MESSAGE:
            inner = node.children[0]
            for name, text in _header(raw, inner.start, inner.body):
                yield line(name, text)
        elif node.kind is Kind.LEAF and node.content.type == "text":
            yield fold_text(text_of(raw, node, node.end))


def _header(raw: Raw, start: int, end: int) -> Iterator[tuple[str, str]]:
    """(lower-case name, folded text) of each field."""
    for name, value in fields(raw[start : min(end, start + MAX_HEADER)]):
        yield name.decode("latin-1"), fold_text(header_text(value)).strip(" ")


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
