"""What the store computes once from a message, at its arrival, and never again until
`DERIVED_VERSION` grows."""

from dataclasses import dataclass

from pillarbox.message import dates, parts
from pillarbox.message.decode import header_text
from pillarbox.message.envelope import envelope
from pillarbox.message.field_text import field_texts
from pillarbox.message.header import Buffer, Raw, raw_of
from pillarbox.message.preview import preview
from pillarbox.message.references import message_id, references
from pillarbox.message.searchable import searchable_headers
from pillarbox.message.sort_keys import SortKeys, sort_keys
from pillarbox.message.structure import structure
from pillarbox.message.subject import base_subject
from pillarbox.message.walk import Node, walk

DERIVED_VERSION = 5  # grows with any change to what `derive` answers; stored beside the answer


@dataclass(frozen=True, slots=True)
class Derived:
    """`search_*` are the texts that SEARCH looks for in these fields, one a line (`searchable`); `envelope`
    and `structure` are spelled for IMAP; `offsets` is for `parts.unpack`."""

    header_size: int  # octets up to and with the blank line
    sent_at: int | None  # Date in UTC seconds
    sent_day: int | None  # Date's own calendar day, counted from 1970-01-01
    message_id: bytes
    references: tuple[bytes, ...]
    base_subject: str
    is_reply: bool
    search_from: str
    search_to: str
    search_cc: str
    search_subject: str
    sort_keys: SortKeys
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
    raw_subject, from_, to, cc = (get(name, b"") for name in (b"subject", b"from", b"to", b"cc"))
    subject = header_text(raw_subject)
    base, is_reply = base_subject(subject)
    return Derived(
        root.body,
        None if sent is None else sent[0],
        None if sent is None else sent[1],
        message_id(get(b"message-id", b"")),
        references(get(b"references"), get(b"in-reply-to")),
        base,
        is_reply,
        *_searched(raw, root, from_, to, cc, raw_subject),
        sort_keys(raw_subject, base, from_, to, cc),
        envelope(root.fields),
        structure(root),
        parts.pack(root),
        preview(raw, root),
    )


_SEARCHED = (b"from", b"to", b"cc", b"subject")


def _searched(raw: Raw, root: Node, *values: bytes) -> tuple[str, str, str, str]:
    """The texts of the fields that are searched most. As no text has line ends, none is found across two."""
    texts = [list(field_texts(name, value)) for name, value in zip(_SEARCHED, values)]
    if root.repeats:
        texts = [[] for _ in _SEARCHED]
        for name, text in searchable_headers(raw):
            key = name.encode("latin-1")
            if key in _SEARCHED:
                texts[_SEARCHED.index(key)].append(text)
    from_, to, cc, subject = ["\n".join(one) for one in texts]
    return from_, to, cc, subject
