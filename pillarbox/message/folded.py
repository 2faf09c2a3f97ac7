"""What `searchable` says of a message, as octets in UTF-8: what an index is made of.

`searchable` is the definition, and this is how to get there sooner where a message is as most are: ASCII
without encoded words in its header, a body of texts and no message inside. What is folded is folded
where it stands, and a message of one plain text is not looked through for its parts. All others go the
way of `searchable`. Both ways lead to the same octets, for every message.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.casemap import encode, fold_octets
from pillarbox.message.content import TEXT_PLAIN, ContentType, content_type
from pillarbox.message.documents.kinds import is_document
from pillarbox.message.field_text import Line, header_lines
from pillarbox.message.filenames import file_names
from pillarbox.message.header import Buffer, Raw, header_end, raw_of
from pillarbox.message.limits import MAX_HEADER, MAX_SEARCHED, MEMO_ENTRIES, MEMO_KEY
from pillarbox.message.searchable import Documents, searchable_parts
from pillarbox.message.text_part import decoded, leaves_ascii, text_of
from pillarbox.message.walk import Kind, Node, contents

# Octets of a message of whose text nothing is cut off: of one octet come no more than some twenty.
_SHORT = MAX_SEARCHED >> 6

# A Content-Type that says the same in capitals and with single spaces: it names no file, and nothing in it is
# escaped or a comment.
_TOKEN = rb"[-A-Z0-9_.:+]+"
_PLAIN_TYPE = re.compile(
    rb"TEXT/%b(?: ?; ?(?!NAME)[-A-Z0-9_]+=(?:%b|\"%b\"))* ?;?" % (_TOKEN, _TOKEN, _TOKEN)
)
_PLAIN_WORD = re.compile(_TOKEN)


class Folded(NamedTuple):
    """`lines` of the header, one for each text of a field; `parts` of the body."""

    lines: list[Line]
    parts: list[bytes]


def folded(buffer: Buffer, documents: Documents | None = None) -> Folded:
    raw = raw_of(buffer)
    body = header_end(raw)
    lines, content = header_lines(raw[: min(body, MAX_HEADER)])
    if len(raw) > _SHORT:
        parts = None
    elif content is not None and (only := _only_part(content)) is not None:
        return Folded(lines, [_folded_text(raw[body:], *only)])
    else:
        parts = _folded_parts(raw, contents(raw), documents)
    if parts is None:
        parts = [encode(text) for text in searchable_parts(raw, documents)]
    return Folded(lines, parts)


class _Kind(NamedTuple):
    content: ContentType
    leaves_ascii: bool


_NO_KIND = _Kind(TEXT_PLAIN, leaves_ascii(TEXT_PLAIN))


def _only_part(content: dict[bytes, bytes]) -> tuple[_Kind, str] | None:
    """Type and transfer encoding of a message that is one text without a file's name. None where only the
    fields as they are written can tell."""
    if not content:
        return _NO_KIND, "7bit"
    declared, encoding = content.get(b"content-type"), content.get(b"content-transfer-encoding", b"7BIT")
    disposition = content.get(b"content-disposition", b"INLINE")
    kind = _NO_KIND if declared is None else _text_kind(declared) if len(declared) <= MEMO_KEY else None
    if kind is None or not _PLAIN_WORD.fullmatch(encoding) or not _PLAIN_WORD.fullmatch(disposition):
        return None
    return kind, encoding.decode("ascii").lower()


@lru_cache(maxsize=MEMO_ENTRIES)
def _text_kind(declared: bytes) -> _Kind | None:
    if not _PLAIN_TYPE.fullmatch(declared):
        return None
    content = content_type(declared)
    return _Kind(content, leaves_ascii(content))


def _folded_parts(raw: Raw, root: Node, documents: Documents | None) -> list[bytes] | None:
    """None where there is more to look into than texts."""
    named = [(node, file_names(node.fields, node.content.parameters)) for node in _leaves(root)]
    for node, names in named:
        declared = f"{node.content.type}/{node.content.subtype}"
        if node.kind is not Kind.LEAF or (documents and is_document(declared, names[0] if names else "")):
            return None
    parts: list[bytes] = []
    for node, names in named:
        content = node.content
        parts += [fold_octets(encode(name)) for name in names]
        if content.type in ("text", "message"):
            kind = _Kind(content, leaves_ascii(content))
            parts.append(_folded_text(raw[node.body : node.end], kind, node.encoding))
    return parts


def _leaves(node: Node) -> Iterator[Node]:
    pending = [node]
    while pending:
        node = pending.pop()
        if node.kind is Kind.MULTIPART:
            pending += reversed(node.children)
        else:
            yield node


def _folded_text(data: bytes, kind: _Kind, encoding: str) -> bytes:
    if encoding not in ("7bit", "8bit"):
        data = decoded(data, encoding)
    return fold_octets(data if kind.leaves_ascii and data.isascii() else encode(text_of(data, kind.content)))
