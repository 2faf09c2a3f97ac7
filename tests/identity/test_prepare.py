"""The examples of RFC 4013 3, and what they leave open."""

import pytest

from pillarbox.identity.prepare import prepare
from pillarbox.model.errors import Refused


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("pass\u00a0word", "pass word"),
        ("", ""),
        ("\u0627\u0628", "\u0627\u0628"),
        ("caf\u00e9", "café"),
        ("cafe\u0301", "café"),
        ("\U0001f511", "\U0001f511"),
    ],
)
def test_prepared(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "a\nb", "\u0627\u0031", "\u0627a\u0627", "\ue000", "\ud800"])
def test_prohibited(text: str) -> None:
    with pytest.raises(Refused):
        prepare(text)
