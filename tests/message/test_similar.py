"""Words that are alike in spite of typing errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.similar import BEGINNING, EXACT, INSIDE, errors_in, pieces, similarity


@pytest.mark.parametrize(
    ("word", "other", "alike"),
    [
        ("HELO", "HELO", EXACT),
        ("HELO", "HELLO", 0.75),  # missing
        ("HELO", "HELP", 0.75),  # wrong
        ("HELO", "HEO", 0.75),  # too much
        ("HELO", "EHLO", 0.75),  # swapped
        ("HELO", "HELLOS", 0),
        ("HELO", "HLEO", 0),  # neither beginning nor end are right
        ("PYHTON", "PYTHON", 0.75),
        ("INVOICE", "INVOICES", BEGINNING),
        ("VOICE", "INVOICE", INSIDE),
        ("RECIEVED", "RECEIVED", 0.75),
        ("ACOMODATION", "ACCOMMODATION", 0.5),
        ("RECOMEND", "RECCOMENT", 0.5),
        ("AB", "AC", 0),
        ("CAT", "CAR", 0),
        ("CAT", "CATALOGUE", BEGINNING),
        ("東京都", "東京都庁", BEGINNING),
        ("X" * 100, "X" * 99 + "Y", 0),
    ],
)
def test_alike(word: str, other: str, alike: float) -> None:
    assert similarity(word, other) == alike


words = st.text("abcd", min_size=1, max_size=12)


@given(words, words)
def test_what_is_forgiven_keeps_one_of_the_pieces(word: str, other: str) -> None:
    """So a list of words can be asked for those that have one, instead of compared as a whole."""
    beginning, end = pieces(word)
    if similarity(word, other) and word not in other:
        assert errors_in(word)
        assert other.startswith(beginning) or other.endswith(end)


@given(words, st.integers(0, 11), st.sampled_from("abcdx"))
def test_one_wrong_letter_is_forgiven(word: str, at: int, letter: str) -> None:
    other = word[:at] + letter + word[at + 1 :]
    if len(word) >= 4 and at < len(word):
        assert similarity(word, other) >= 0.75


@given(words)
def test_a_word_is_like_itself(word: str) -> None:
    assert similarity(word, word) == EXACT
    assert similarity(word, word + "x") == BEGINNING
    assert similarity(word, "x" + word) == INSIDE
