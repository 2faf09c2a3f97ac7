"""Numbers of an answer, whether their octets are known already or not."""

import random

import pytest

from pillarbox.imap.wire.digits import KNOWN, spaced


@pytest.mark.parametrize("most", [1, 9, 1023, 1024, 1025, 5000, KNOWN - 1, KNOWN, KNOWN + 1, 2**32 - 1])
@pytest.mark.parametrize("count", [0, 1, 16, 17, 300])
def test_each_number_stands_after_a_space(most: int, count: int) -> None:
    chance = random.Random(most)
    numbers = [chance.randint(1, most) for _ in range(count)]
    for some in (numbers, [*numbers, most], sorted({*numbers, most})):
        assert spaced(some).decode() == "".join(f" {number}" for number in some)
