"""A short round of the campaign: nothing that was acknowledged is lost, and no copy is without its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.campaign import campaign
from tests.places import LONG

ROUNDS, MESSAGES = (3, 1000) if LONG else (1, 200)


def test_nothing_is_lost_or_doubled_without_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for count in campaign(tmp_path, ROUNDS, MESSAGES):
        with capsys.disabled():
            if LONG:
                print(f"\n{count}")
        assert count.acknowledged == MESSAGES
        assert (count.lost, count.unexplained) == (0, 0)
