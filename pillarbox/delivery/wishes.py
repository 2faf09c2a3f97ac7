"""What a sender wishes beyond "deliver it": not before, at the latest by, sooner than others. Plain data.

* Hold: FUTURERELEASE (RFC 4865). `asked` is the parameter as it stands in reports.
* DeliverBy: DELIVERBY (RFC 2852). After `at` a message that `returns` goes back; else its sender is told.
* Priority: MT-PRIORITY (RFC 6710), -9 to 9; it decides who is sent first.
"""

from dataclasses import dataclass
from typing import Self

LONGEST_BY = 999_999_999  # seconds: RFC 2852 4


@dataclass(frozen=True, slots=True)
class Hold:
    until: int
    asked: str  # "for;3600" or "until;2030-01-01T00:00:00Z" (RFC 4865 5.1.2)


@dataclass(frozen=True, slots=True)
class DeliverBy:
    at: int  # seconds since 1970
    returns: bool  # by-mode R; else N
    trace: bool = False

    @property
    def mode(self) -> str:
        return ("R" if self.returns else "N") + ("T" if self.trace else "")

    def parameter(self, now: int) -> str:
        """RFC 2852 4.1.4: what is left, in seconds; below zero when it has passed."""
        left = max(-LONGEST_BY, min(LONGEST_BY, self.at - now))
        return f"BY={left};{self.mode}"

    @classmethod
    def of(cls, at: int, mode: str) -> Self:
        return cls(at, mode.startswith("R"), mode.endswith("T"))


@dataclass(frozen=True, slots=True)
class Wishes:
    hold: Hold | None = None
    by: DeliverBy | None = None
    priority: int = 0

    def expired(self, now: float) -> bool:
        """Whether it is too late to deliver at all."""
        return self.by is not None and self.by.returns and now >= self.by.at


NONE = Wishes()
