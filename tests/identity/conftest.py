"""A directory in a temporary file, with a clock and a random source that tests steer."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pillarbox.identity.directory import Directory


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def directory(tmp_path: Path, clock: Clock) -> Iterator[Directory]:
    directory = Directory(tmp_path / "directory.db", clock=clock, pick=Random(7).randrange)
    yield directory
    directory.close()
