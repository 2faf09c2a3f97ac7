"""Rows that live until a given time."""

from __future__ import annotations

from pathlib import Path

from pillarbox.store.engine import sqlite
from pillarbox.store.remembered import Kind, find, forget, remember


def test_remembered_until_its_time_and_then_forgotten(empty_folder: Path) -> None:
    now = [1_700_000_000]
    database = sqlite.open_account(empty_folder, clock=lambda: now[0])
    with database.transaction(write=True) as tx:
        remember(tx, Kind.DELIVERY, b"one", 100)
        remember(tx, Kind.VACATION, b"one", 200, b"value")
        remember(tx, Kind.DELIVERY, b"two", 50)
        remember(tx, Kind.DELIVERY, b"two", 300)
        assert find(tx, Kind.DELIVERY, b"one") == (None,)
        assert find(tx, Kind.VACATION, b"one") == (b"value",)
        assert find(tx, Kind.MOVE, b"one") is None
        assert forget(tx) == 0
    now[0] += 100
    with database.transaction(write=True) as tx:
        assert find(tx, Kind.DELIVERY, b"one") is None
        assert find(tx, Kind.VACATION, b"one") == (b"value",)
        assert find(tx, Kind.DELIVERY, b"two") == (None,)
        assert forget(tx) == 1
        remember(tx, Kind.DELIVERY, b"one", 5)
        assert find(tx, Kind.DELIVERY, b"one") == (None,)
    now[0] += 1000
    with database.transaction(write=True) as tx:
        assert [forget(tx, limit=2), forget(tx), forget(tx)] == [2, 1, 0]
    database.close()
