"""Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3) or UTF-8 (RFC 9051 5.1, RFC 6855 3) <-> `str`.

The text itself (NFC, INBOX, levels) is the business of `model.names`.
"""

import base64
import binascii
import re
from functools import lru_cache

from pillarbox.model.errors import PeerSyntax

_SHIFTED = re.compile(rb"&([^-&]*)-")
_UNPRINTABLE = re.compile("[^\x20-\x7e]+")


@lru_cache(maxsize=4096)
def encode(name: str, utf8: bool) -> bytes:
    """The one spelling of `name`. It must be Unicode text (no lone surrogates)."""
    if utf8:
        return name.encode("utf-8")
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    # RFC 3501 5.1.3: printable US-ASCII stands for itself, "&" is "&-", everything else is shifted.
    return _UNPRINTABLE.sub(_shift, name.replace("&", "&-")).encode("ascii")


@lru_cache(maxsize=4096)
def decode(raw: bytes, utf8: bool) -> str:
    """The name a client wrote, as it wrote it.

    Strict, so that no two spellings name one mailbox: RFC 3501 5.1.3 forbids 8-bit octets, shifts that
    encode printable characters, superfluous shifts and non-zero padding bits; all that is exactly what
    does not come back when it is encoded again.
    """
    try:
        if utf8:
            return raw.decode("utf-8")
        if not raw.isascii():
            raise PeerSyntax("A mailbox name holds 8-bit octets: it must be modified UTF-7")
        if b"&" not in raw:
            name = raw.decode("ascii")
        else:
            head, *rest = _SHIFTED.split(raw)
            words = [head, *(_unshift(word) if at % 2 == 0 else word for at, word in enumerate(rest))]
            name = b"".join(words).decode("utf-8")
    except (UnicodeDecodeError, binascii.Error):
        spelling = "UTF-8" if utf8 else "modified UTF-7"
        raise PeerSyntax(f"A mailbox name is not valid {spelling}") from None
    if encode(name, False) != raw:
        raise PeerSyntax("A mailbox name is not in the canonical form of modified UTF-7")
    return name


def _shift(found: re.Match[str]) -> str:
    sixteen = found[0].encode("utf-16-be")
    digits = base64.b64encode(sixteen, b"+,").decode("ascii").rstrip("=")
    return f"&{digits}-"


def _unshift(digits: bytes) -> bytes:
    if not digits:
        return b"&"
    padded = digits.replace(b",", b"/") + b"=" * (-len(digits) % 4)
    sixteen = base64.b64decode(padded, validate=True)
    return sixteen.decode("utf-16-be").encode("utf-8")
