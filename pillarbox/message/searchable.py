"""What SEARCH looks at: the decoded text of a message, folded. The one definition of it, and brute force
over it, which is the truth that an index is held against.

A message is `headers`, the texts of its fields (`field_text`), and `parts`, one text for each piece of its
body: the text parts, HTML as its text; the header fields of messages inside; the names of files; attached
documents. A needle is found within one of these texts, never across two. Preambles, epilogues and what is
no text are not searched, and uuencoded data in the midst of plain text is the text it is. Nor is what lies
beyond the limits.

The text of an attached document is what `documents` says it is: a function of its octets and of the program
that reads them. Index and brute force are given the same one, and `documents.version` is part of the format
of an index; so another program means another index. Without `documents` no document is searched.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pillarbox.message.casemap import Fold
from pillarbox.message.casemap import fold_text as fold_text
from pillarbox.message.documents.kinds import is_document
from pillarbox.message.field_text import header_texts
from pillarbox.message.filenames import file_names
from pillarbox.message.header import Buffer, Raw, header_end, raw_of
from pillarbox.message.limits import MAX_DOCUMENT, MAX_DOCUMENTS, MAX_ENCODED_DEPTH, MAX_HEADER, MAX_SEARCHED
from pillarbox.message.text_part import octets_of, searched_text
from pillarbox.message.walk import Kind, Node, contents

# Another one with any change to what `searchable` answers for the same octets; Python's tables of characters
# have a part in that.
VERSION = f"2+unicode-{unicodedata.unidata_version}"

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


def line(name: str, text: str, fold: Fold = fold_text) -> str:
    """A field as TEXT sees it."""
    return f"{fold(name, sys.maxsize)}: {text}"


def searchable_headers(buffer: Buffer, fold: Fold = fold_text) -> tuple[tuple[str, str], ...]:
    """The `headers` alone; the message's header is enough for that."""
    raw = raw_of(buffer)
    return tuple(header_texts(raw[: min(header_end(raw), MAX_HEADER)], fold))


def searchable_parts(
    buffer: Buffer, documents: Documents | None = None, limit: int = MAX_SEARCHED, fold: Fold = fold_text
) -> Iterator[str]:
    """The `parts` alone, as they are found. `limit`: octets of text, decoded, of all parts together.
    `fold`: what is made of each before it is compared."""
    # Deviates: RFC 9051 6.4.4 knows no limit. SEARCH looks at the first 16 MiB of a message's text, decoded,
    # and, as HTML is searched as it is shown and parts as they are decoded, at no markup and no MIME headers.
    raw = raw_of(buffer)
    left = limit
    read = 0  # documents
    pending: list[tuple[Raw, Node, int]] = [(raw, contents(raw), 0)]
    while pending and left > 0:
        raw, node, depth = pending.pop()
        pending += [(raw, child, depth) for child in reversed(node.children)]
        if node.kind is Kind.MULTIPART:
            continue
        content = node.content
        names = file_names(node.fields, content.parameters)
        yield from [fold(name, sys.maxsize) for name in names]
        if node.kind is Kind.MESSAGE:
            inner = node.children[0]
            end = min(inner.body, inner.start + min(MAX_HEADER, left))
            left -= end - inner.start
            for name, text in header_texts(raw[inner.start : end], fold):
                yield line(name, text, fold)
        elif node.kind is Kind.OPAQUE:
            # RFC 6532 3.7 allows message/global any encoding, and others use it too.
            if node.encoding in ("base64", "quoted-printable") and depth < MAX_ENCODED_DEPTH:
                data = octets_of(raw, node, left)
                whole = contents(data)
                end = min(whole.body, MAX_HEADER)
                left -= end
                for name, text in header_texts(data[:end], fold):
                    yield line(name, text, fold)
                pending.append((data, whole, depth + 1))
        elif content.type in ("text", "message"):  # the latter: reports, RFC 3464, RFC 8098
            text = searched_text(raw, node, left)
            folded = fold(text, left)
            left -= max(len(folded), min(node.end - node.body, left))
            yield folded
        elif documents is not None and read < MAX_DOCUMENTS:
            kind = f"{content.type}/{content.subtype}"
            title = names[0] if names else ""
            if node.end - node.body <= MAX_DOCUMENT and is_document(kind, title):
                read += 1
                text = fold(documents(kind, title, octets_of(raw, node, MAX_DOCUMENT)), left)
                left -= len(text)
                yield text
