"""Tag lists, `name=value; name=value` (RFC 6376 3.2): signatures, keys and DMARC records are written so."""

import base64
import binascii
import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE = re.compile(r"[ \t\r\n]+")


def parse(text: str) -> dict[str, str] | None:
    """The tags in their order, white space around values taken off; None where the list is malformed or a
    tag stands twice (RFC 6376 3.2: then the whole is invalid)."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    for number, part in enumerate(parts):
        if not part.strip(" \t\r\n"):
            if number == len(parts) - 1:
                break
            return None
        name, equals, value = part.partition("=")
        name = name.strip(" \t\r\n")
        if not equals or not _NAME.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip(" \t\r\n")
    return tags


def packed(value: str) -> str:
    """Without white space, which many values may be folded with."""
    return _SPACE.sub("", value)


def octets(value: str) -> bytes | None:
    """What base64 says; None where it is none."""
    try:
        return base64.b64decode(packed(value).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError, ValueError):
        return None


def number(value: str, digits: int) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= digits else None
