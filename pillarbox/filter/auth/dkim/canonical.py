"""Canonical forms of header fields (RFC 6376 3.4), and the octets a signature over fields is made of."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from pillarbox.filter.auth.fields import Field

_WHITE = re.compile(rb"[ \t]+")


class Canonical(StrEnum):
    SIMPLE = "simple"
    RELAXED = "relaxed"


def field(raw: bytes, form: Canonical) -> bytes:
    if form is Canonical.SIMPLE:
        return raw
    name, _, value = raw.partition(b":")
    value = _WHITE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip(b" \t").lower() + b":" + value + b"\r\n"


def chosen(fields: Sequence[Field], names: Iterable[bytes]) -> list[Field]:
    """RFC 6376 5.4.2: of fields with one name the last comes first; a name too many is no field."""
    left: dict[bytes, list[Field]] = {}
    for each in fields:
        left.setdefault(each.name, []).append(each)
    return [left[name].pop() for name in names if left.get(name)]


def unsigned(raw: bytes) -> bytes:
    """The signature field itself as it is signed: with an empty value of the tag b."""
    name, colon, value = raw.partition(b":")
    parts = value.removesuffix(b"\r\n").split(b";")
    for number, part in enumerate(parts):
        tag, equals, _ = part.partition(b"=")
        if equals and tag.strip(b" \t\r\n") == b"b":
            parts[number] = tag + equals
    return name + colon + b";".join(parts) + b"\r\n"


def signed(fields: Iterable[Field], own: bytes, form: Canonical) -> bytes:
    """What is hashed: the fields, then the signature's own without its last CRLF (RFC 6376 3.7)."""
    octets = [field(each.raw, form) for each in fields]
    octets.append(field(unsigned(own), form).removesuffix(b"\r\n"))
    return b"".join(octets)
