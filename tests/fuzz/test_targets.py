"""Each thing that reads what strangers say: a few hundred mangled words of the right kind, and any octets."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, mangled

SLOW = {"imap", "pop3", "submission", "smtp", "lmtp", "acme"}


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_said_is_answered(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)
    source = Random(name)
    for _ in range(60 if name in SLOW else 500):
        said = mangled(source, target.seeds)
        try:
            target.run(said)
        except Exception as error:
            raise AssertionError(f"{name} is broken by {said!r}") from error


@pytest.mark.parametrize("name", sorted(set(TARGETS) - SLOW))
def test_any_octets_are_answered(name: str) -> None:
    @given(st.binary(max_size=200))
    @settings(max_examples=200, deadline=None)
    def answered(said: bytes) -> None:
        TARGETS[name].run(said)

    answered()
