"""Object identifiers (RFC 8474): 63-bit numbers inside, a letter and base32 outside.

High 31 bits: the account's prefix, given by the directory and never reused. Low 32 bits: a counter
of the account. So an id means one thing on all servers, also after an account has moved.
"""

import base64
from enum import Enum

COUNTER_BITS = 32
MAX_PREFIX = 2**31 - 1


class Kind(Enum):
    MAILBOX = "M"
    EMAIL = "E"
    THREAD = "T"
    BLOB = "B"
    ACCOUNT = "A"


def make(prefix: int, counter: int) -> int:
    return prefix << COUNTER_BITS | counter


def spell(kind: Kind, number: int) -> str:
    """RFC 8474 7: 1 to 255 of A-Z a-z 0-9 - _ ; ours are 14 characters."""
    digits = base64.b32encode(number.to_bytes(8, "big")).decode("ascii").rstrip("=")
    return kind.value + digits.lower()


def spell_account(prefix: int) -> str:
    """The id of the account itself: the counter never gives out 0."""
    return spell(Kind.ACCOUNT, make(prefix, 0))


def read(kind: Kind, text: str) -> int | None:
    """The number behind a spelling, or None when no object of this kind can be called that."""
    if len(text) != 14 or text[0] != kind.value:
        return None
    try:
        number = int.from_bytes(base64.b32decode(text[1:].upper() + "==="), "big")
    except ValueError:
        return None
    # RFC 8474 7: case is significant, so an id has one spelling.
    return number if number < 1 << 63 and spell(kind, number) == text else None
