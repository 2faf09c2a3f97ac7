"""How values are spelled in responses: quoted, literal, nstring, astring (RFC 9051 4.3, 9)."""

import re
from dataclasses import dataclass

from pillarbox.imap.wire import mailbox_name


@dataclass(frozen=True, slots=True)
class Kind:
    """What the client has enabled: which spellings its responses use.

    `rev2`: ENABLE IMAP4rev2 was given (ESEARCH instead of SEARCH, no RECENT). `utf8`: mailbox names and
    strings are UTF-8; IMAP4rev2 implies it, UTF8=ACCEPT (RFC 6855 3) switches on that part alone.
    `condstore`: what is told of a message unasked has its mod-sequence and its UID (RFC 7162 3.1, 3.2.4).
    `qresync`: VANISHED takes the place of EXPUNGE (RFC 7162 3.2.10). `uid_only`: it does so too, and UIDFETCH
    that of FETCH (RFC 9586 3).
    """

    rev2: bool = False
    utf8: bool = False
    condstore: bool = False
    qresync: bool = False
    uid_only: bool = False

    @property
    def vanished(self) -> bool:
        """What is expunged is told by VANISHED."""
        return self.qresync or self.uid_only


REV1 = Kind()
UTF8_ACCEPT = Kind(utf8=True)
REV2 = Kind(rev2=True, utf8=True)

QUOTED_LENGTH = 1024  # longer strings go as literals: clients read quoted ones into line buffers

_QUOTABLE = re.compile(rb"[^\x00\r\n\x80-\xff]*+")
_TO_ESCAPE = re.compile(rb'(["\\])')
_ATOM = re.compile(rb'[^(){%*"\\\x00-\x20\x7f-\xff]+')


def quoted(raw: bytes) -> bytes:
    """`raw`, known to fit, between quotes."""
    return b'"' + _TO_ESCAPE.sub(rb"\\\1", raw) + b'"'


def literal(raw: bytes) -> bytes:
    """RFC 9051 9: a literal holds no NUL; 0x80 stands in for it, the way message bodies show it too."""
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"\x80")
    return b"{%d}\r\n%b" % (len(raw), raw)


def string(raw: bytes, kind: Kind) -> bytes:
    """quoted where possible, else a literal. RFC 9051 4.3: UTF-8 may be quoted once the client enabled it."""
    if len(raw) <= QUOTED_LENGTH and (_QUOTABLE.fullmatch(raw) or (kind.utf8 and _is_utf8_text(raw))):
        return quoted(raw)
    return literal(raw)


def nstring(raw: bytes | None, kind: Kind) -> bytes:
    return b"NIL" if raw is None else string(raw, kind)


def astring(raw: bytes, kind: Kind) -> bytes:
    # An atom NIL is a legal astring, but too many clients take it for the absence of one.
    if _ATOM.fullmatch(raw) and raw.upper() != b"NIL":
        return raw
    return string(raw, kind)


def mailbox(name: str, kind: Kind) -> bytes:
    return astring(mailbox_name.encode(name, kind.utf8), kind)


def _is_utf8_text(raw: bytes) -> bool:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(control in text for control in "\0\r\n")
