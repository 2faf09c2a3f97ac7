"""The search tree: one shape for IMAP SEARCH, for rules and later for JMAP.

Leaves are frozen plain data named after RFC 9051 6.4.4. Text needles are decoded `str`; numbers are
`Ranges`. A leaf that other front ends spell differently (Undeleted = Not(Flag)) has one form here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pillarbox.model.numbers import Ranges


@dataclass(frozen=True, slots=True)
class All:
    pass


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple["Key", ...]


@dataclass(frozen=True, slots=True)
class Or:
    keys: tuple["Key", ...]


@dataclass(frozen=True, slots=True)
class Not:
    key: "Key"


@dataclass(frozen=True, slots=True)
class Flag:
    """The message has this flag or keyword. `\\Recent` is resolved by the session."""

    flag: str


@dataclass(frozen=True, slots=True)
class Sequence:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Uid:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Saved:
    """`$`: the result the session saved with SEARCH RETURN (SAVE) (RFC 9051 6.4.4.1)."""


@dataclass(frozen=True, slots=True)
class Size:
    """Smaller or larger than `octets`, strictly (RFC 9051 6.4.4). `larger` picks which."""

    octets: int
    larger: bool


@dataclass(frozen=True, slots=True)
class Day:
    """BEFORE / ON / SINCE on a date; `day` counts days since 1970-01-01.

    `of` is "internal" (INTERNALDATE in its own zone), "sent" (the Date header's own calendar day) or
    "saved" (RFC 8514). `when` is "before", "on" or "since".
    """

    of: str
    when: str
    day: int


@dataclass(frozen=True, slots=True)
class Header:
    """Some field called `name` contains `needle` in its decoded value; '' = the field exists.

    FROM, TO, CC, BCC, SUBJECT are `Header("from", ...)` and so on; `name` is lower case.
    """

    name: str
    needle: str


@dataclass(frozen=True, slots=True)
class Body:
    needle: str


@dataclass(frozen=True, slots=True)
class Text:
    """Header or body contains `needle`."""

    needle: str


@dataclass(frozen=True, slots=True)
class Modseq:
    """RFC 7162 3.1.5: the message's mod-sequence is at least this."""

    least: int


@dataclass(frozen=True, slots=True)
class EmailId:
    email: int


@dataclass(frozen=True, slots=True)
class ThreadId:
    thread: int


Key = (
    All
    | And
    | Or
    | Not
    | Flag
    | Sequence
    | Uid
    | Saved
    | Size
    | Day
    | Header
    | Body
    | Text
    | Modseq
    | EmailId
    | ThreadId
)


def leaves(key: Key) -> Iterator[Key]:
    """The keys of a tree that have no keys in them."""
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if isinstance(one, And | Or):
            waiting += one.keys
        elif isinstance(one, Not):
            waiting.append(one.key)
        else:
            yield one
