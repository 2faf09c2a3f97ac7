"""Sets of message numbers and UIDs.

`Ranges` is what a client writes: a tuple of (low, high) pairs, in the client's order, where `STAR`
stands for `*` (RFC 9051 9, sequence-set). `Runs` is what we compute with: ascending, disjoint,
non-adjacent (low, high) pairs, both ends included. Hostile sets cost what they weigh on the wire:
nothing here expands a range that no message fills.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable

STAR = 0  # 0 is no legal number, so it can stand for `*`
MAX_NUMBER = 2**32 - 1

Ranges = tuple[tuple[int, int], ...]
Runs = tuple[tuple[int, int], ...]


def runs(ranges: Ranges, largest: int) -> Runs:
    """`ranges` with `*` taken as `largest`, ends put in order, merged (RFC 9051 9: `4:2` is `2:4`)."""
    pairs = []
    for low, high in ranges:
        low, high = low or largest, high or largest
        pairs.append((low, high) if low <= high else (high, low))
    pairs.sort()
    merged: list[tuple[int, int]] = []
    for low, high in pairs:
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def runs_of(numbers: Iterable[int]) -> Runs:
    """Ascending distinct numbers as runs."""
    out: list[tuple[int, int]] = []
    low = high = -1
    for number in numbers:
        if number == high + 1 and out:
            high = number
            out[-1] = (low, high)
        else:
            low = high = number
            out.append((low, high))
    return tuple(out)


def count(sorted_runs: Runs) -> int:
    return sum(high - low + 1 for low, high in sorted_runs)


def contains(sorted_runs: Runs, number: int) -> bool:
    at = bisect_right(sorted_runs, (number, MAX_NUMBER + 1)) - 1
    return at >= 0 and sorted_runs[at][0] <= number <= sorted_runs[at][1]


def meet(sorted_runs: Runs, low: int, high: int) -> bool:
    """Whether any number from `low` to `high` is in the runs."""
    at = bisect_right(sorted_runs, (high, MAX_NUMBER + 1)) - 1
    return at >= 0 and sorted_runs[at][1] >= low


def text(sorted_runs: Iterable[tuple[int, int]]) -> str:
    """Runs as a sequence-set: `1:3,7`."""
    return ",".join(f"{low}" if low == high else f"{low}:{high}" for low, high in sorted_runs)


def pack(sorted_runs: Runs) -> bytes:
    """Runs as the store keeps them in a `change` row: little-endian u32 pairs."""
    packed = array("I", [number for run in sorted_runs for number in run])
    return packed.tobytes()


def unpack(stored: bytes) -> Runs:
    packed = array("I")
    packed.frombytes(stored)
    return tuple(zip(packed[::2], packed[1::2]))
