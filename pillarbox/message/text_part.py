"""The text of a text part: characters from octets, and lines joined that were written as one."""

import re
from contextlib import suppress

from pillarbox.message import html
from pillarbox.message.content import ContentType
from pillarbox.message.decode import (
    UnknownEncoding,
    charset_decode,
    has_ascii,
    known_charset,
    transfer_decode,
)
from pillarbox.message.documents import rtf
from pillarbox.message.header import Raw
from pillarbox.message.walk import Node

_FOLDED = frozenset(("calendar", "directory", "vcard", "x-vcard", "x-vcalendar"))
_FOLD = re.compile(r"\r?\n[ \t]")
_ESCAPED = re.compile(r"\\([nN,;:\\])")
_MARKED_UP = frozenset(("html", "x-html", "enriched", "richtext"))
_META_CHARSET = re.compile(rb"<meta\b[^<>]{0,200}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4_096  # octets from the beginning of a document
_MOST_FOR_ONE = {"base64": 1.5, "quoted-printable": 3.0, "x-uuencode": 1.5, "uuencode": 1.5, "x-uue": 1.5}


def searched_text(raw: Raw, node: Node, limit: int) -> str:
    """All the text of a text part, as far as it lies within `limit` decoded octets."""
    return text_of(octets_of(raw, node, limit), node.content)


def text_of(data: bytes, content: ContentType) -> str:
    """All the text in the octets of a text part, its transfer encoding undone."""
    subtype = content.subtype
    if subtype == "rtf":
        return "".join(rtf.pieces(data))
    text = charset_decode(data, _charset(content, data))
    if subtype == "plain":
        if (content.parameter(b"format") or b"").lower() == b"flowed":
            return unflowed(text, delsp=(content.parameter(b"delsp") or b"").lower() == b"yes")
    elif subtype in _MARKED_UP:
        return html.text(text, alternatives=True)
    elif subtype in _FOLDED:
        return unfolded(text)
    return text


def leaves_ascii(content: ContentType) -> bool:
    """Whether `text_of` makes of octets that are ASCII nothing but the characters that they are."""
    return content.subtype == "plain" and content.parameter(b"format") is None and has_ascii(content.charset)


def source_of(raw: Raw, node: Node, end: int) -> str:
    """The characters of a part up to `end`."""
    data = decoded(raw[node.body : end], node.encoding)
    return charset_decode(data, _charset(node.content, data))


def octets_of(raw: Raw, node: Node, limit: int) -> bytes:
    """At most `limit` octets behind a part's transfer encoding, cut between words where they must be cut."""
    most = int(limit * _MOST_FOR_ONE.get(node.encoding, 1.0)) + 1
    data = decoded(raw[node.body : min(node.end, node.body + most)], node.encoding)
    if len(data) <= limit:
        return data
    # Half a character would make unlabelled UTF-8 look like something else.
    cut = max(data.rfind(space, max(0, limit - 1_000), limit) for space in (b"\n", b" "))
    return data[: cut if cut > 0 else limit]


def decoded(data: bytes, encoding: str) -> bytes:
    """An encoding nobody knows is taken for none."""
    with suppress(UnknownEncoding):
        return transfer_decode(data, encoding)
    return data


def _charset(content: ContentType, data: bytes) -> str:
    """The charset the part declares; of HTML that does not, the one its document does."""
    charset = content.charset
    if content.subtype == "html" and known_charset(charset) is None and not data.isascii():
        found = _META_CHARSET.search(data[:_META_WITHIN])
        if found is not None:
            return found[1].decode("ascii", "replace")
    return charset


def unflowed(text: str, *, delsp: bool) -> str:
    """RFC 3676 4: the lines of a paragraph as one. Quoted ones keep the marks of their first line."""
    if not delsp and not text.startswith(">") and "\n>" not in text:
        return text  # white space at the joints counts as one space anyhow
    out: list[str] = []
    goes_on, before = False, 0
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        said = line.lstrip(">")
        depth = len(line) - len(said)
        said = said.removeprefix(" ")  # 4.4: space-stuffing
        separator = said == "-- "  # 4.3: never part of a paragraph
        if not goes_on or depth != before or separator:
            out.append("\n" + ">" * depth + " " if depth else "\n")
        goes_on, before = said.endswith(" ") and not separator, depth
        out.append(said[:-1] if goes_on and delsp else said)
    return "".join(out)


def unfolded(text: str) -> str:
    """RFC 5545 3.1 and 3.3.11, RFC 6350 3.2 and 3.4: long lines folded, some characters escaped."""
    text = _FOLD.sub("", text)
    return _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], text) if "\\" in text else text
