"""The seam to the DNS: a judgement is a generator that yields questions and is sent their answers.

    def judge(...) -> Asking[Result]:
        answer = yield Question("example.org", Kind.TXT)

`answered` runs one with a plain function, which is how they are tested; `resolved` runs one with a resolver
that waits. A resolver follows CNAMEs, limits how much it takes, and tells apart the four ways an answer can
be: these decide between "fails for good" and "come again later".
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeVar

T = TypeVar("T")


class Kind(StrEnum):
    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    PTR = "PTR"
    SRV = "SRV"
    TLSA = "TLSA"
    TXT = "TXT"


class Found(Enum):
    RECORDS = "records"
    NO_DATA = "no data"  # the name exists, without records of this kind
    NO_NAME = "no name"  # NXDOMAIN (RFC 8020: nor does anything below it)
    TROUBLE = "trouble"  # SERVFAIL, no answer in time, nonsense: nobody knows


@dataclass(frozen=True, slots=True)
class Question:
    name: str  # a name that `is_name`, without the last dot
    kind: Kind


@dataclass(frozen=True, slots=True)
class Answer:
    """`values`: addresses as text; hosts in the order of preference (MX) or names (PTR, CNAME), without the
    last dot, where the root is "."; for SRV "priority weight port target"; for TXT its strings joined, each
    octet as the character of that number; for TLSA three numbers and hexadecimal digits (RFC 6698 2.2).

    `preferences` are those of MX. `secure`: a resolver that is believed has checked it by DNSSEC. `name`:
    where CNAMEs led to, "" where it is the name that was asked for."""

    found: Found
    values: tuple[str, ...] = ()
    preferences: tuple[int, ...] = ()
    secure: bool = field(default=False, compare=False)
    name: str = field(default="", compare=False)


NO_DATA = Answer(Found.NO_DATA)
NO_NAME = Answer(Found.NO_NAME)
TROUBLE = Answer(Found.TROUBLE)

Asking = Generator[Question, Answer, T]
Resolve = Callable[[Question], Awaitable[Answer]]


def records(*values: str) -> Answer:
    return Answer(Found.RECORDS, values) if values else NO_DATA


def answered(asking: Asking[T], answer: Callable[[Question], Answer]) -> T:
    """The result, with every question answered at once."""
    try:
        question = next(asking)
        while True:
            question = asking.send(answer(question))
    except StopIteration as done:
        result: T = done.value
        return result


async def resolved(asking: Asking[T], resolve: Resolve) -> T:
    """The result, with every question given to a resolver."""
    try:
        question = next(asking)
        while True:
            question = asking.send(await resolve(question))
    except StopIteration as done:
        result: T = done.value
        return result


def is_name(text: str) -> bool:
    """Can this be asked for? RFC 1035 2.3.4: labels of 1 to 63 octets, 253 characters in all."""
    if not text or len(text) > 253 or not text.isascii() or not text.isprintable():
        return False
    return all(0 < len(label) <= 63 for label in text.split("."))
