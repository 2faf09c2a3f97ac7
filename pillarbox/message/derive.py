"""What the store computes once from a message, at its arrival, and never again until
`DERIVED_VERSION` grows."""

from typing import NamedTuple

from pillarbox.message import dates, own_fields, parts
from pillarbox.message.envelope import envelope
from pillarbox.message.header import Buffer, raw_of
from pillarbox.message.preview import preview
from pillarbox.message.references import message_id, references
from pillarbox.message.sort_keys import SortKeys, sort_keys, subject
from pillarbox.message.structure import structure
from pillarbox.message.walk import walk

DERIVED_VERSION = 5  # grows with any change to what `derive` answers; stored beside the answer


class Derived(NamedTuple):
    """`envelope` and `structure` are spelled for IMAP; `offsets` is for `parts.unpack`."""

    header_size: int  # octets up to and with the blank line
    sent_at: int | None  # Date in UTC seconds
    sent_day: int | None  # Date's own calendar day, counted from 1970-01-01
    message_id: bytes
    references: tuple[bytes, ...]
    base_subject: str
    is_reply: bool
    sort_keys: SortKeys
    own_fields: bytes | None  # as `own_fields` packs them
    envelope: bytes
    structure: bytes
    offsets: bytes
    preview: bytes


def derive(buffer: Buffer) -> Derived:
    """Everything about one message. Any octets will do; an mmap is not copied as a whole."""
    raw = raw_of(buffer)
    root = walk(raw)
    get = root.fields.get
    sent = dates.sent(get(b"date", b""))
    sent_at, sent_day = (None, None) if sent is None else sent
    base, is_reply, key = subject(get(b"subject", b""))
    return Derived(
        root.body,
        sent_at,
        sent_day,
        message_id(get(b"message-id", b"")),
        references(get(b"references"), get(b"in-reply-to")),
        base,
        is_reply,
        sort_keys(key, get(b"from", b""), get(b"to", b""), get(b"cc", b"")),
        own_fields.packed(root.fields),
        envelope(root.fields),
        structure(root),
        parts.pack(root),
        preview(raw, root),
    )
