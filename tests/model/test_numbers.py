"""Number sets against the plain set arithmetic they stand for."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.model import numbers

small = st.integers(min_value=1, max_value=40)
ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=8).map(tuple)


def expand(sorted_runs: numbers.Runs) -> list[int]:
    return [number for low, high in sorted_runs for number in range(low, high + 1)]


@given(ranges, small)
def test_runs_are_the_union_in_order(written: numbers.Ranges, largest: int) -> None:
    wanted: set[int] = set()
    for low, high in written:
        low, high = low or largest, high or largest
        wanted |= set(range(min(low, high), max(low, high) + 1))
    merged = numbers.runs(written, largest)
    assert expand(merged) == sorted(wanted)
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(merged))


@given(st.sets(small))
def test_runs_of_and_back(members: set[int]) -> None:
    merged = numbers.runs_of(sorted(members))
    assert expand(merged) == sorted(members)
    assert numbers.unpack(numbers.pack(merged)) == merged
    for number in range(42):
        assert numbers.contains(merged, number) is (number in members)
        assert numbers.meet(merged, number, number + 3) is any(number + more in members for more in range(4))
    assert numbers.count(merged) == len(members)


def test_star_and_backward_ranges() -> None:
    assert numbers.runs(((4, 2), (numbers.STAR, 7)), 9) == ((2, 4), (7, 9))
    assert numbers.runs(((559, numbers.STAR),), 5) == ((5, 559),)  # RFC 9051 9: 559:* always names the last


def test_text() -> None:
    assert numbers.text(((1, 3), (7, 7))) == "1:3,7"
