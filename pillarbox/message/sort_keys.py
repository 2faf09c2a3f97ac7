"""What SORT and THREAD compare of a message (RFC 5256 3, RFC 5957 3): text ready for any comparator.

Values are UTF-8, with their case and their characters as written. Where octets are not valid in the charset
they claim to be in, the value is these octets behind `UNREADABLE` (RFC 5255 4.6): a comparator has nothing
to say about them.
"""

from functools import lru_cache
from typing import NamedTuple

from pillarbox.message.addresses import first_address
from pillarbox.message.collation import UNREADABLE
from pillarbox.message.decode import guess, header_octets, header_text, known_charset
from pillarbox.message.limits import MAX_FIELD, MAX_SORT_TEXT, MEMO_ENTRIES, MEMO_KEY
from pillarbox.message.subject import base_subject


class SortKeys(NamedTuple):
    """`*_mailbox`: the part before the @ of the first address; `*_display`: its name."""

    base_subject: bytes
    from_mailbox: bytes
    to_mailbox: bytes
    cc_mailbox: bytes
    from_display: bytes
    to_display: bytes


class Subject(NamedTuple):
    """What is told of a Subject: its base (RFC 5256 2.1), whether something marked it as a reply or forward,
    and how the base is compared."""

    base: str
    is_reply: bool
    key: bytes


def subject(raw: bytes) -> Subject:
    """Of an unfolded field value."""
    return _remembered_subject(raw) if len(raw) <= MEMO_KEY else _read_subject(raw)


def _read_subject(raw: bytes) -> Subject:
    base, is_reply = base_subject(header_text(raw))
    return Subject(base, is_reply, _compared(raw, base))


_remembered_subject = lru_cache(maxsize=MEMO_ENTRIES)(_read_subject)


def sort_keys(base_subject: bytes, from_: bytes, to: bytes, cc: bytes) -> SortKeys:
    """Of unfolded field values, and what `subject` has made of the Subject."""
    sender, from_display = _address(from_)
    recipient, to_display = _address(to)
    return SortKeys(base_subject, sender, recipient, _address(cc)[0], from_display, to_display)


def _compared(raw: bytes, base: str) -> bytes:
    octets = _maybe_unreadable(raw)
    if octets is None:
        return _utf8(base)
    return UNREADABLE + base_subject(octets.decode("latin-1"))[0].encode("latin-1")[:MAX_SORT_TEXT]


def _maybe_unreadable(raw: bytes) -> bytes | None:
    """The octets of a value that cannot be read; None for one that can."""
    if b"=?" not in raw:
        return None
    pieces = header_octets(raw[:MAX_FIELD])
    if all(charset is None or _is_valid(octets, charset) for octets, charset in pieces):
        return None
    return b"".join([octets for octets, _ in pieces])


def _is_valid(octets: bytes, charset: str) -> bool:
    codec = known_charset(charset)
    if codec is None or codec == "ascii":
        codec = "utf-8"  # as it is guessed where it is shown
    elif codec == "cp1252":
        return True  # it stands for ISO 8859-1, which has no invalid octets
    try:
        octets.decode(codec).encode("utf-8")
    except (UnicodeError, ValueError):
        return False
    return True


def _text(raw: bytes) -> bytes:
    octets = _maybe_unreadable(raw)
    return _utf8(header_text(raw)) if octets is None else UNREADABLE + octets[:MAX_SORT_TEXT]


def _utf8(text: str) -> bytes:
    # Deviates: RFC 5256 3 (SORT) compares whole texts, here the first 500 characters decide.
    return text[:MAX_SORT_TEXT].encode("utf-8", "surrogatepass")


def _find(value: bytes) -> tuple[bytes, bytes]:
    """(mailbox, display) of an address list."""
    address = first_address(value)
    if address is None:
        return b"", b""
    # RFC 2047 5 (3): what looks like an encoded word in an address is none. A group's name is a phrase.
    mailbox = _text(address.mailbox or b"") if address.host is None else _utf8(guess(address.mailbox or b""))
    # RFC 5957 3: the name if there is one that is not empty, else mailbox@host, else the mailbox.
    display = _text(address.name or b"")
    if not display:
        display = mailbox if address.host is None else mailbox + b"@" + _utf8(guess(address.host))
    return mailbox, display


_remembered = lru_cache(maxsize=MEMO_ENTRIES)(_find)


def _address(value: bytes) -> tuple[bytes, bytes]:
    if not value:
        return b"", b""
    return _remembered(value) if len(value) <= MEMO_KEY else _find(value)
