"""What is kept of mailboxes' orders."""

from __future__ import annotations

import asyncio
import random
from array import array

import pytest

from pillarbox.imap import orders
from pillarbox.model.column import Column, cut, starts_of
from pillarbox.store.turns import Turns


def column(uids: list[int], like: Column | None = None, size: int = 16) -> Column:
    """In small pieces, and those that `like` has too are the same objects."""
    known = {} if like is None else {piece.tobytes(): piece for piece in like.pieces}
    parts = [array("I", uids[start : start + size]) for start in range(0, len(uids), size)]
    pieces = tuple([known.get(piece.tobytes(), piece) for piece in parts])
    return Column("I", pieces, starts_of(pieces))


def carried(old: Column, order: array[int], new: Column) -> array[int] | None:
    async def run() -> array[int] | None:
        return await orders.carried_over(old, order, new, Turns())

    return asyncio.run(run())


def test_what_stays_keeps_its_order() -> None:
    rng = random.Random(9)
    for _ in range(300):
        uids = sorted(rng.sample(range(1, 500), rng.randrange(1, 120)))
        order = array("I", range(len(uids)))
        rng.shuffle(order)
        old = column(uids)
        gone = set(rng.sample(uids, rng.choice([0, 0, 1, 2, len(uids) // 2, len(uids)])))
        added = list(range(501, 501 + rng.randrange(3)))
        after = [uid for uid in uids if uid not in gone] + added
        new = column(after, old)
        wanted = [after.index(uids[place]) for place in order if uids[place] not in gone]
        found = carried(old, order, new)
        assert found is not None
        assert found.tolist() == wanted
        assert found is not order


def test_what_cannot_be_carried_over() -> None:
    old = column([1, 5, 9])
    order = array("I", [2, 0, 1])
    assert carried(old, order, column([1, 4, 5, 9])) is None  # in between: another view's ghost
    assert carried(old, order, column([1, 5, 9, *range(10, 11 + orders.FEW)])) is None
    many = column(list(range(2, 20_000)), size=4096)
    assert carried(many, array("I", range(19_998)), column(list(range(1, 20_000)), size=4096)) is None
    assert cut(array("I")) == []


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "KEPT", 10)
    kept = orders.Orders()
    columns = [Column("I", (), [0]) for _ in range(3)]
    for column in columns:
        kept.keep(id(column), column, "order", 5)
    assert [kept.get(id(column), column) for column in columns] == [None, "order", "order"]
    kept.get(id(columns[1]), columns[1])
    kept.keep(0, columns[0], "order", 5, found=3)
    assert kept.get(id(columns[2]), columns[2]) is None  # not used for the longest time
    assert kept.get(0, columns[0], found=2) is None
    assert kept.get(0, columns[1], found=3) is None
    assert kept.get(0, columns[0], found=3) == "order"
