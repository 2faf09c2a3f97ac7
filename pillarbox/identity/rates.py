"""How much each network does in an hour: numbers alone, no IO, no clock.

A count runs dry at the rate that is allowed, so who was over a limit may do a little at once, and all of it
after an hour. One meter is the truth, held by the parent; each worker has another, that takes what it
sees at once and is told what the truth is. Nothing is kept over a restart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

HOUR = 3_600.0
MAX_COUNTS = 50_000  # of a kind; those touched last are kept

Kind = Literal["connections", "messages", "recipients", "unknown", "errors"]


@dataclass(frozen=True, slots=True)
class Rates:
    """An hour, of one network; 0: any number. `unknown`: recipients that nobody is; `errors`: commands that
    were no good."""

    connections: int = 0
    messages: int = 0
    recipients: int = 0
    unknown: int = 0
    errors: int = 0

    def of(self, kind: Kind) -> int:
        most: int = getattr(self, kind)
        return most


@dataclass(frozen=True, slots=True)
class Did:
    kind: Kind
    network: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Count:
    """`level` at the moment `at`."""

    kind: Kind
    network: str
    level: float
    at: float


class Meter:
    __slots__ = ("_counts", "rates")

    def __init__(self, rates: Rates = Rates()) -> None:
        self.rates = rates
        self._counts: dict[Kind, dict[str, Count]] = {}

    def is_over(self, kind: Kind, network: str, now: float) -> bool:
        """Whether one more would be too many."""
        most = self.rates.of(kind)
        return most > 0 and self._level(kind, network, now) + 1 > most

    def take(self, did: Did, now: float) -> Count | None:
        """Count it; what the count is now, None where nobody counts."""
        if not self.rates.of(did.kind):
            return None
        level = self._level(did.kind, did.network, now) + did.times
        return self._put(Count(did.kind, did.network, level, now))

    def put(self, counts: Iterable[Count]) -> None:
        """What another meter knows better."""
        for each in counts:
            self._put(each)

    def _level(self, kind: Kind, network: str, now: float) -> float:
        count = self._counts.get(kind, {}).get(network)
        if count is None:
            return 0.0
        return max(0.0, count.level - max(0.0, now - count.at) * self.rates.of(kind) / HOUR)

    def _put(self, count: Count) -> Count:
        counts = self._counts.setdefault(count.kind, {})
        counts.pop(count.network, None)
        if len(counts) >= MAX_COUNTS:
            del counts[next(iter(counts))]
        counts[count.network] = count
        return count
