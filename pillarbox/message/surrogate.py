"""What a header says to a client that reads ASCII only (RFC 6858).

Fields that are ASCII stay as they are. Of the others a Subject is encoded (RFC 2047), an address that is not
ASCII becomes one that reaches nobody and shows who it was, a MIME parameter goes, and so does all else.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator

from pillarbox.message.addresses import Address, addresses
from pillarbox.message.decode import header_text
from pillarbox.message.header import unfolded

# RFC 6858 2.1: of the top-level domain that RFC 2606 keeps free
NOBODY = b"<invalid@internationalized-address.invalid>"

WORD = 39  # octets in one encoded word: RFC 2047 2 allows 76 in its line, and the name stands in the first

_FIELD = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+(?:\n|\Z))*+|[^\n]++\Z")
_ADDRESSED = frozenset(
    (
        *(b"bcc", b"cc", b"from", b"reply-to", b"return-path", b"sender", b"to"),
        *(b"resent-bcc", b"resent-cc", b"resent-from", b"resent-sender", b"resent-to"),
    )
)
_PARAMETRIC = frozenset((b"content-type", b"content-disposition"))
_PARAMETER = re.compile(rb'(?:"(?:[^"\\]++|\\.)*+(?:"|\Z)|[^";])+', re.DOTALL)
_ATOMS = re.compile(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_SPECIAL = re.compile(rb'(["\\])')


def surrogate(header: bytes) -> bytes:
    """`header` in ASCII, with a blank line at its end."""
    fields = [found[0] for found in _FIELD.finditer(header)]
    out = b"".join(each if each.isascii() else _field(each) for each in fields)
    if not fields or fields[-1] not in (b"\r\n", b"\n"):
        out += b"\r\n"
    return out


def _field(field: bytes) -> bytes:
    """The field without what is not ASCII, or nothing."""
    name, colon, value = field.partition(b":")
    if not colon or not name.isascii():
        return b""
    value = unfolded(value).strip(b" \t\r\n")
    kind = name.strip(b" \t").lower()
    if kind == b"subject":
        return name + b": " + _encoded(value) + b"\r\n"  # RFC 6858 2.3
    if kind in _ADDRESSED:
        return name + b": " + b",\r\n ".join(_listed(addresses(value))) + b"\r\n"
    if kind in _PARAMETRIC:
        kept = [each.strip() for each in _PARAMETER.findall(value) if each.isascii()]  # RFC 6858 2.2
        if kept and value.startswith(kept[0]):
            return name + b": " + b";\r\n ".join(kept) + b"\r\n"
    return b""  # RFC 6858 2.4


def _listed(found: list[Address]) -> Iterator[bytes]:
    """Addresses as they are written between commas; a group is one of them."""
    group: list[bytes] | None = None
    title = b""
    for each in found:
        if each.host is None and each.mailbox is not None:
            group, title = [], _phrase(each.mailbox)
        elif each.host is None:
            if group is not None:
                yield title + b":" + b", ".join(group) + b";"
            group = None
        elif group is not None:
            group.append(_address(each))
        else:
            yield _address(each)
    if group is not None:
        yield title + b":" + b", ".join(group) + b";"


def _address(address: Address) -> bytes:
    mailbox, host, name = address.mailbox or b"", address.host or b"", address.name or b""
    if mailbox.isascii() and host.isascii():
        local = mailbox if _ATOMS.fullmatch(mailbox) else _quoted(mailbox)
        spec = b"<" + local + b"@" + host + b">"
        return _phrase(name) + b" " + spec if name else spec
    shown = name + b" " + mailbox + b"@" + host if name else mailbox + b"@" + host
    return _encoded(shown) + b" " + NOBODY


def _phrase(words: bytes) -> bytes:
    if not words.isascii():
        return _encoded(words)
    return words if b"=?" in words or _ATOMS.fullmatch(words) else _quoted(words)


def _quoted(text: bytes) -> bytes:
    return b'"' + _SPECIAL.sub(rb"\\\1", text) + b'"'


def _encoded(value: bytes) -> bytes:
    """RFC 2047: what `value` says, as encoded words of whole characters."""
    words: list[bytes] = []
    word = b""
    for character in header_text(value):
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > WORD:
            words.append(word)
            word = b""
        word += octets
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?B?" + b64encode(each) + b"?=" for each in words)
