"""Masks against sets of indexes."""

from array import array
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import masks
from pillarbox.model.column import Column, starts_of


def flag_sets(ids: list[int]) -> Column:
    pieces = [array("H", ids[at : at + 7]) for at in range(0, len(ids), 7)]
    return Column("H", tuple(pieces), starts_of(pieces))


members = st.sets(st.integers(0, 40))


@given(members, members, st.integers(41, 60))
@settings(max_examples=100, deadline=None)
def test_masks_are_sets(a: set[int], b: set[int], count: int) -> None:
    mask_a, mask_b = masks.of_indices(a, count), masks.of_indices(b, count)
    everything = masks.full(count)
    places = range(count)
    assert set(masks.selected(places, mask_a & mask_b)) == a & b
    assert set(masks.selected(places, mask_a | mask_b)) == a | b
    assert set(masks.selected(places, everything ^ mask_a)) == set(places) - a
    assert masks.size(mask_a) == len(a)
    stretches = masks.stretches(places, mask_a)
    assert [place for stretch in stretches for place in stretch] == sorted(a)
    assert masks.of_spans(list(masks.spans(mask_a, count)), count) == mask_a


def test_long_stretches_are_not_looked_into() -> None:
    everything = range(5000)
    assert masks.stretches(everything, masks.full(5000)) == [everything]
    holes = masks.full(5000) ^ masks.of_indices((0, 700, 4999), 5000)
    assert masks.stretches(everything, holes) == [range(1, 700), range(701, 4999)]
    odd = masks.of_indices(range(1, 5000, 2), 5000)
    assert masks.stretches(everything, odd) == [list(range(1, 5000, 2))]
    assert masks.stretches(everything, masks.NONE) == []


@given(st.lists(st.integers(0, 700), max_size=50), st.sets(st.integers(0, 700)))
@settings(max_examples=100, deadline=None)
def test_flag_sets_small_and_large_ids(ids: list[int], wanted: set[int]) -> None:
    mask = masks.of_flag_sets(flag_sets(ids), wanted)
    expected = [place for place, one in enumerate(ids) if one in wanted]
    assert masks.selected(range(len(ids)), mask) == expected
    small = [one % 256 for one in ids]
    for some in (ids, small):
        places = [place for place, one in enumerate(some) if one in wanted]
        spans = masks.spans_of_flag_sets(flag_sets(some), wanted)
        assert [place for start, stop in spans for place in range(start, stop)] == places
        assert all(one[1] < other[0] for one, other in pairwise(spans))
        for most in (len(places), len(some)):
            assert masks.first_of(flag_sets(some), wanted, most) == (places[0] if places else -1)
    mask = masks.of_flag_sets(flag_sets(small), wanted)
    assert masks.selected(range(len(ids)), mask) == [p for p, one in enumerate(small) if one in wanted]
