"""Mailbox names: one spelling each, and patterns that cannot be made to explode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.model import names
from pillarbox.model.errors import Code, Refused


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("inbox", "INBOX"),
        ("InBoX/a", "INBOX/a"),
        ("a/inbox", "a/inbox"),
        ("Inboxes", "Inboxes"),
        ("a/", "a"),
        ("Cafe\u0301", "Caf\u00e9"),
    ],
)
def test_a_name_has_one_spelling(written: str, kept: str) -> None:
    assert names.normalise(written) == kept


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", Code.CANNOT),
        ("/a", Code.CANNOT),
        ("a//b", Code.CANNOT),
        ("a\x00b", Code.CANNOT),
        ("a\u2028b", Code.CANNOT),
        ("a*", Code.CANNOT),
        ("a%", Code.CANNOT),
        ("/".join("a" * 33), Code.LIMIT),
        ("é" * 128, Code.LIMIT),
    ],
)
def test_names_that_may_never_be(path: str, code: Code) -> None:
    with pytest.raises(Refused) as refusal:
        names.validated(path)
    assert refusal.value.code is code


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%", "a", True),
        ("a/%", "a/b", True),
        ("a*c", "a/b/c", True),
        ("%*%", "a/b", True),
        ("inbox", "INBOX", True),
        ("INB%", "INBOX", True),
        ("a.b", "aXb", False),
        ("Cafe\u0301", "Caf\u00e9", True),
    ],
)
def test_list_wildcards(pattern: str, path: str, matches: bool) -> None:
    assert (names.pattern(pattern).fullmatch(path) is not None) is matches


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(path: str) -> None:
    once = names.normalise(path)
    assert names.normalise(once).rstrip("/") == once.rstrip("/")
