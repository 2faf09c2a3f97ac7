"""Columns in pieces against the plain lists they stand for."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.model import column, numbers
from pillarbox.model.changes import Columns, Rows
from pillarbox.model.column import Column, cut, starts_of

uids = st.sets(st.integers(1, 60)).map(sorted)
ranges = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=8).map(tuple)


@pytest.fixture(autouse=True, scope="module")
def short_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column, "PIECE", 4)
        yield


def made(members: list[int]) -> Column:
    pieces = cut(array("I", members))
    return Column("I", tuple(pieces), starts_of(pieces))


@given(uids, st.integers(-70, 70), st.integers(-70, 70))
def test_it_reads_as_the_list(members: list[int], start: int, stop: int) -> None:
    whole = made(members)
    assert list(whole) == members and len(whole) == len(members) and bool(whole) is bool(members)
    assert list(whole[start:stop]) == members[start:stop]
    assert whole.tobytes() == array("I", members).tobytes()
    for index in (start, stop, -1, 0):
        if -len(members) <= index < len(members):
            assert whole[index] == members[index]
        else:
            with pytest.raises(IndexError):
                whole[index]


@given(uids, ranges)
def test_uids_are_found(members: list[int], written: numbers.Ranges) -> None:
    whole = made(members)
    for number in range(62):
        assert whole.place(number) == sum(member < number for member in members)
    named = numbers.runs(written, 60)
    spans = whole.slices(named)
    found = [members[index] for start, stop in spans for index in range(start, stop)]
    assert found == [member for member in members if numbers.contains(named, member)]
    assert spans == sorted(spans) and all(one[1] < other[0] for one, other in pairwise(spans))
    again = [
        whole.pieces[at][index]
        for at, parts in whole.by_piece(spans).items()
        for start, stop in parts
        for index in range(start, stop)
    ]
    assert again == found


def test_a_set_of_a_million_ranges_beyond_the_end_is_passed_over() -> None:
    beyond = tuple((number, number) for number in range(10, 2_000_010, 2))
    assert made([1, 2, 9]).slices(((2, 5), *beyond)) == [(1, 2)]


def rows(members: list[int], flag_set: int) -> Rows:
    return Rows(array("I", members), array("H", [flag_set] * len(members)), array("Q", members))


@settings(max_examples=200)
@given(uids, st.dictionaries(st.integers(0, 20), st.sets(st.integers(0, 3)), max_size=6))
def test_edits_leave_everything_else_as_it_is(members: list[int], wanted: dict[int, set[int]]) -> None:
    """Each edit keeps some of the messages of a piece, with other flags."""
    before = Columns.joined(1, 5, [rows(members, 1)])
    shape = [list(piece) for piece in before.uids.pieces]
    edits, expected = {}, []
    for at, piece in enumerate(shape):
        left = piece
        if at in wanted:
            left = [uid for place, uid in enumerate(piece) if place in wanted[at]]
            edits[at] = rows(left, 2)
        expected += [(uid, 2 if at in wanted else 1) for uid in left]
    after = before.edited(9, edits)
    assert list(zip(after.uids, after.flag_sets)) == expected
    assert list(after.modseqs) == list(after.uids)
    assert all(len(piece) for piece in after.uids.pieces) and after.modseq == 9
    assert before == Columns.joined(1, 5, [rows(members, 1)])
    untouched = [piece for at, piece in enumerate(before.flag_sets.pieces) if at not in wanted]
    if len(after.uids.pieces) == len(shape):
        assert {id(piece) for piece in untouched} <= {id(piece) for piece in after.flag_sets.pieces}


def test_where_only_flags_move_the_uids_stay_the_same_object() -> None:
    before = Columns.joined(1, 5, [rows(list(range(1, 11)), 1)])
    moved = before.piece(1)
    after = before.edited(6, {1: Rows(moved.uids, array("H", [7] * 4), moved.modseqs)})
    assert after.uids is before.uids
    assert list(after.flag_sets) == [1] * 4 + [7] * 4 + [1] * 2


def test_what_has_become_sparse_is_packed_again() -> None:
    columns = Columns.joined(1, 5, [rows(list(range(1, 201)), 1)])
    assert len(columns.uids.pieces) == 50
    thinned = columns.edited(6, {at: rows([columns.uids.pieces[at][0]], 1) for at in range(50)})
    assert list(thinned.uids) == list(range(1, 201, 4))
    assert len(thinned.uids.pieces) == 13


@given(uids.filter(bool), st.integers(0, 59), st.integers(0, 99))
def test_another_number_in_one_place(members: list[int], index: int, number: int) -> None:
    whole = made(members)
    index %= len(members)
    other = whole.but(index, number)
    assert list(other) == [*members[:index], number, *members[index + 1 :]]
    assert list(whole) == members and other.starts is whole.starts
    assert sum(a is not b for a, b in zip(whole.pieces, other.pieces)) == 1


@given(st.lists(st.integers(0, 3) | st.integers(0, 65535)))
def test_distinct_values(members: list[int]) -> None:
    assert column.distinct(array("H", members)) == set(members)
