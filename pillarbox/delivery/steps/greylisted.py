"""Has a stranger come for the first time? Who means it comes again (RFC 6647)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greylisted:
    """`seconds`: how long it is until the same sender may have come again."""

    seconds: int
