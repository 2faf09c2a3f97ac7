"""Strings as IMAP spells them (RFC 9051 9), for what is stored already spelled.

The stored spelling must suit every session, so 8-bit strings are literals: quoted strings may hold
UTF-8 only after ENABLE, and mail headers need not be UTF-8 at all.
"""

import re

_PLAIN = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]{0,8192}")  # quoted as it is, and not too long
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_MAX_QUOTED = 8_192  # clients with line buffers get longer ones as literals
_RUNS = re.compile(rb"[ \t\r\n]+")


def string(value: bytes) -> bytes:
    """RFC 9051 4.3: quoted when it may be, else a literal; a literal holds no NUL, so 0x80 stands for it."""
    if _PLAIN.fullmatch(value):
        return b'"' + value + b'"'
    if _QUOTABLE.fullmatch(value) and len(value) <= _MAX_QUOTED:
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value.replace(b"\0", b"\x80"))


def nstring(value: bytes | None) -> bytes:
    """`string`, with NIL for nothing."""
    return b"NIL" if value is None else string(value)


def for_humans(value: bytes) -> bytes:
    """Text meant to be shown, with each run of white space as one space.

    Folding leaves TABs and double spaces behind (RFC 5322 2.2.3) that the writer did not mean.
    """
    if b"  " in value or b"\t" in value or b"\n" in value or b"\r" in value:
        value = _RUNS.sub(b" ", value)
    return value.strip(b" ")
