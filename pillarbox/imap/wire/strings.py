"""How values are spelled in responses: quoted, literal, nstring, astring (RFC 9051 4.3, 9)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What the client has enabled: which spellings its responses use.

    `rev2`: ENABLE IMAP4rev2 was given (ESEARCH instead of SEARCH, no RECENT). `utf8`: mailbox names and
    strings are UTF-8; IMAP4rev2 implies it, UTF8=ACCEPT (RFC 6855 3) switches on that part alone.
    """

    rev2: bool = False
    utf8: bool = False


REV1 = Kind()
UTF8_ACCEPT = Kind(utf8=True)
REV2 = Kind(rev2=True, utf8=True)
