"""ENVELOPE from header fields (RFC 9051 7.5.2)."""

from collections.abc import Mapping

from pillarbox.message.addresses import spelled
from pillarbox.message.spelling import for_humans, nstring

FIELDS = (
    b"date",
    b"subject",
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"bcc",
    b"in-reply-to",
    b"message-id",
)
ADDRESS_FIELDS = frozenset(FIELDS[2:8])


def envelope(fields: Mapping[bytes, bytes]) -> bytes:
    """`fields`: unfolded values by lower-case name, several fields of addresses joined by commas."""
    get = fields.get
    subject = get(b"subject")
    sender = spelled(get(b"from", b""))
    # RFC 9051 7.5.2: absent or empty Sender and Reply-To are shown as From; an absent date, subject,
    # in-reply-to or message-id is NIL, an empty one may be too.
    parts = (
        nstring(get(b"date") or None),
        nstring(None if subject is None else for_humans(subject)),
        sender,
        _or(get(b"sender"), sender),
        _or(get(b"reply-to"), sender),
        spelled(get(b"to", b"")),
        spelled(get(b"cc", b"")),
        spelled(get(b"bcc", b"")),
        nstring(get(b"in-reply-to") or None),
        nstring(get(b"message-id") or None),
    )
    return b"(" + b" ".join(parts) + b")"


def _or(value: bytes | None, default: bytes) -> bytes:
    if not value:
        return default
    own = spelled(value)
    return default if own == b"NIL" else own
