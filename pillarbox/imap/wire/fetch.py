"""FETCH and UID FETCH (RFC 9051 6.4.5). How its answer is rendered is `fetch_plan`."""

from dataclasses import dataclass
from typing import Literal

from pillarbox.imap.wire.reader import Numbers
from pillarbox.message.section import Section

# What an item asks for. "BODY" and "BODYSTRUCTURE" are structure; "SECTION" is BODY[...] and BODY.PEEK[...]
# and what RFC 3501 calls RFC822, RFC822.HEADER, RFC822.TEXT; EMAILID, THREADID: RFC 8474 5; SAVEDATE:
# RFC 8514 4; PREVIEW: RFC 8970 3; MODSEQ: RFC 7162 3.1.4.
What = Literal[
    "UID",
    "FLAGS",
    "INTERNALDATE",
    "RFC822.SIZE",
    "ENVELOPE",
    "BODY",
    "BODYSTRUCTURE",
    "SECTION",
    "BINARY",
    "BINARY.SIZE",
    "MODSEQ",
    "EMAILID",
    "THREADID",
    "SAVEDATE",
    "PREVIEW",
]


@dataclass(frozen=True, slots=True)
class Partial:
    """`<first.count>`: octets of the section from `first` on, at most `count`."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Item:
    """One fetch-att. `label` is how the response names it, the origin octet of a partial included."""

    what: What
    label: bytes
    section: Section | None = None
    partial: Partial | None = None
    seen: bool = False  # fetching it sets \Seen (RFC 9051 6.4.5: BODY[...] and BINARY[...] without PEEK)


@dataclass(frozen=True, slots=True)
class FetchItems:
    """Macros expanded, repeats dropped, in the client's order."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """`changed_since` and `vanished` are the modifiers of RFC 7162 3.1.4.1 and 3.2.6."""

    numbers: Numbers
    items: FetchItems
    uid: bool = False
    changed_since: int | None = None
    vanished: bool = False
