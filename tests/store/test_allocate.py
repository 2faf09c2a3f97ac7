"""Object ids and UIDVALIDITY values are given out once."""

import pytest

from pillarbox.model import ids
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.store import allocate
from pillarbox.testing.verbs import Verbs


def test_ids_carry_the_prefix_and_ascend(verbs: Verbs) -> None:
    first = verbs.write(lambda tx, _: allocate.objects(tx, 3))
    second = verbs.write(lambda tx, _: allocate.objects(tx, 1))
    assert len(first) == 3
    assert {number >> ids.COUNTER_BITS for number in (*first, *second)} == {7}
    assert second[0] == first[-1] + 1


def test_what_was_rolled_back_was_not_given(verbs: Verbs) -> None:
    with pytest.raises(ZeroDivisionError), verbs.database.transaction(write=True) as tx:
        allocate.objects(tx, 100)
        raise ZeroDivisionError
    before = verbs.rows("SELECT next_id FROM account")
    verbs.write(lambda tx, _: allocate.objects(tx, 1))
    assert verbs.rows("SELECT next_id - 1 FROM account") == before


def test_the_last_id_and_the_last_uidvalidity(verbs: Verbs) -> None:
    end = 1 << ids.COUNTER_BITS
    verbs.run("UPDATE account SET next_id = ?, uidvalidity = ?", end - 1, MAX_NUMBER - 1)
    [last] = verbs.write(lambda tx, _: allocate.objects(tx, 1))
    assert last == ids.make(7, end - 1)
    assert verbs.write(lambda tx, _: allocate.uidvalidity(tx)) == MAX_NUMBER
    for verb in (lambda tx, _: allocate.objects(tx, 1), lambda tx, _: allocate.uidvalidity(tx)):
        with pytest.raises(Refused) as refused:
            verbs.write(verb)
        assert refused.value.code is Code.LIMIT
