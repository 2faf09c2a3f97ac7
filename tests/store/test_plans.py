"""Statements that take a stretch of ids read that stretch, however large the account is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.model.actors import Actor
from pillarbox.store.blobs import following
from pillarbox.store.emails import needs_derive
from pillarbox.store.index.catching_up import horizon_of
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import Verbs


class Explaining:
    """A transaction that tells how each statement would be run, beside running it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plans: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        steps = self._tx.rows(f"EXPLAIN QUERY PLAN {sql}", *args)
        self.plans.append("; ".join(step[3] for step in steps))
        return self._tx.rows(sql, *args)


@pytest.mark.parametrize(
    "verb", [lambda tx: following(tx, 1, 9, 4), horizon_of, lambda tx: needs_derive(tx, 4, 1)]
)
def test_no_index_is_read_whole(verbs: Verbs, verb: Callable[[Any], object]) -> None:
    def explained(tx: Tx, actor: Actor) -> list[str]:
        explaining = Explaining(tx)
        verb(explaining)
        return explaining.plans

    plans = verbs.read(explained)
    assert plans
    for plan in plans:
        assert "USING INDEX" not in plan and "COVERING INDEX" not in plan and "TEMP B-TREE" not in plan
