"""The search tree: one shape for IMAP SEARCH, for rules and later for JMAP.

Leaves are frozen plain data named after RFC 9051 6.4.4. Text needles are decoded `str`; numbers are
`Ranges`. A leaf that other front ends spell differently (Undeleted = Not(Flag)) has one form here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pillarbox.model.numbers import Ranges
from pillarbox.model.threading import Algorithm


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
class Fuzzy:
    """RFC 6203 3: `key` need not match exactly. What is found so has a relevancy."""

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
class Instant:
    """Before `at`, or at it and after: seconds since 1970, to the second. `of` as for `Day`, `when` is
    "before" or "since"."""

    of: str
    when: str
    at: int


@dataclass(frozen=True, slots=True)
class Within:
    """OLDER and YOUNGER (RFC 5032 2): the INTERNALDATE is at most, or at least, so many seconds ago. What
    that means depends on the clock: `settled` makes an `Instant` of it."""

    seconds: int
    older: bool


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
class FileName:
    """A file in it is called something that contains `needle`. No IMAP key says so."""

    needle: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A file is attached to it. No IMAP key says so."""


@dataclass(frozen=True, slots=True)
class InMailbox:
    """It is in the mailbox of that name, or of that role; "" is any. Who searches several mailboxes knows, so
    for each of them `replaced` makes `All` of it or its contrary."""

    name: str


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


@dataclass(frozen=True, slots=True)
class InThread:
    """Some message of its thread matches `key` (draft-ietf-morg-inthread 3.1). The threads are those of all
    messages of the mailbox."""

    key: "Key"
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class ThreadRoot:
    """Its parent is not in the mailbox, or it has none (draft-ietf-morg-inthread 3.2)."""

    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class ThreadLeaf:
    """No child of it is in the mailbox (draft-ietf-morg-inthread 3.3)."""

    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class MessageId:
    """Its Message-ID is this one, both normalised as RFC 5256 5 has it (draft-ietf-morg-inthread 3.4)."""

    message_id: bytes


Threading = InThread | ThreadRoot | ThreadLeaf

Key = (
    All
    | And
    | Or
    | Not
    | Fuzzy
    | InThread
    | ThreadRoot
    | ThreadLeaf
    | MessageId
    | Flag
    | Sequence
    | Uid
    | Saved
    | Size
    | Day
    | Instant
    | Within
    | Header
    | Body
    | Text
    | FileName
    | Attached
    | InMailbox
    | Modseq
    | EmailId
    | ThreadId
)


def nodes(key: Key) -> Iterator[Key]:
    """All keys of a tree."""
    waiting = [key]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, And | Or):
            waiting += one.keys
        elif isinstance(one, Not | Fuzzy | InThread):
            waiting.append(one.key)


def leaves(key: Key) -> Iterator[Key]:
    """The keys of a tree that have no keys in them."""
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if isinstance(one, And | Or):
            waiting += one.keys
        elif isinstance(one, Not | Fuzzy | InThread):
            waiting.append(one.key)
        else:
            yield one


def has_fuzzy(key: Key) -> bool:
    """Whether FUZZY is anywhere in the tree."""
    return any(isinstance(one, Fuzzy) for one in nodes(key))


def replaced(key: Key, change: Callable[[Key], Key]) -> Key:
    """The tree with each of its `leaves` changed; the same object where nothing changes."""
    match key:
        case And(keys) | Or(keys):
            made = tuple([replaced(one, change) for one in keys])
            return key if made == keys else type(key)(made)
        case Not(inner) | Fuzzy(inner):
            other = replaced(inner, change)
            return key if other is inner else type(key)(other)
        case InThread(inner, algorithm):
            other = replaced(inner, change)
            return key if other is inner else InThread(other, algorithm)
    return change(key)


def settled(key: Key, now: float) -> Key:
    """The tree with all that depends on the clock made firm at the time `now`."""

    def settle(leaf: Key) -> Key:
        if not isinstance(leaf, Within):
            return leaf
        # RFC 5032 2: to the second, and both include the very second.
        then = int(now) - leaf.seconds
        return Instant("internal", "before", then + 1) if leaf.older else Instant("internal", "since", then)

    return replaced(key, settle)
