"""Kept texts are given back as they were, whole and in pieces."""

from __future__ import annotations

import random

import pytest

from pillarbox.store.index.document import Document
from pillarbox.store.index.texts import (
    PIECE,
    PLAIN,
    Damaged,
    Packing,
    decompress,
    groups,
    matching,
    pieces_of,
    places_of,
    regroup,
    train,
    whole,
)


def documents(sizes: list[int]) -> list[tuple[int, Document]]:
    return [
        (10 + number, Document(b"OWN %d" % number, b"", b"(%d) " % number + b"x" * size, {}, frozenset()))
        for number, size in enumerate(sizes)
    ]


SIZES = (
    [0],
    [0, 0, 0],
    [100] * 300,
    [PIECE] * 3,
    [10 * PIECE, 3, 10 * PIECE],
    [PIECE - 10, 0, 0, PIECE + 10, 5],
)


@pytest.mark.parametrize("sizes", SIZES)
def test_pieces_are_all_of_a_column(sizes: list[int]) -> None:
    given = documents(sizes)
    made = list(groups(given))
    number = 0
    for group in made:
        places = places_of(group.places)
        pieces = list(pieces_of(group.body))
        assert [piece.first for piece in pieces] == [0, *[piece.stop for piece in pieces[:-1]]]
        assert pieces[-1].stop == len(places.emails)
        for piece in pieces:
            text = decompress(piece.packed)
            for place in range(piece.first, piece.stop):
                needle = b"(%d)" % number
                assert matching(text, places.ends["body"], needle, None, piece.first) == [place]
                number += 1
        assert whole("body", group.body).count(b"\n") == len(places.emails)
    assert number == len(sizes)
    again = [group for one in made for group in regroup([one])]
    assert [group.body for group in again] == [group.body for group in made]


@pytest.mark.parametrize("cut", [0, 3, 9, 30])
def test_a_column_cut_short_is_damage(cut: int) -> None:
    (group,) = groups(documents([100, 200]))
    with pytest.raises(Damaged):
        whole("body", group.body[:cut])


def test_texts_need_the_dictionary_they_were_compressed_with() -> None:
    chance = random.Random(1)
    words = [b"%X" % chance.getrandbits(40) for _ in range(2000)]
    given = []
    for number in range(1, 600):
        header, body = (b" ".join(chance.choices(words, k=count)) for count in (20, 100))
        given.append((number, Document(b"", header, body, {}, frozenset())))
    packing = Packing(train([document for _, document in given]))
    plain, packed = list(groups(given)), list(groups(given, packing))
    assert sum(len(group.body) for group in packed) < sum(len(group.body) for group in plain)
    for one, other in zip(plain, packed):
        assert whole("body", other.body, packing) == whole("body", one.body)
        with pytest.raises(Damaged):
            whole("body", other.body, PLAIN)
    assert [group.header for group in regroup(packed, packing)] == [group.header for group in packed]


def test_a_few_messages_make_no_dictionary() -> None:
    assert train([Document(b"", b"", b"x", {}, frozenset())]) == {}
