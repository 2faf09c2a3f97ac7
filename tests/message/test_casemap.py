"""Needles and texts, folded alike (RFC 5051)."""

import re
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.casemap import encode, fold_octets, fold_text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("Hello", "HELLO"),
        ("  two \t\r\n words ", " TWO WORDS "),
        (" \n ", " "),
        ("a\r\nb\rc\nd", "A B C D"),
        ("a\r\nb\r\n\r\nc", "A B C"),
        ("a\x1c\x1d\x1e\x1f\v\fb", "A B"),
        ("é\r\nb\rc\n\u2028\u2029\x85d\u3000e", "E\u0301 B C D E"),
        ("non\u00a0breaking", "NON BREAKING"),
        ("soft\u00adhyphen zero\u200bwidth\u200c\u200d\u2060 \ufeffmark", "SOFTHYPHEN ZEROWIDTH MARK"),
        ("nul\0byte", "NULBYTE"),
        ("nul\0byté", "NULBYTE\u0301"),
        ("Grüße", "GRU\u0308ßE"),
        ("GRÜSSE", "GRU\u0308SSE"),
        ("ﬁne", "FINE"),
        ("ﬃ", "FFI"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "FULL WIDTH"),
        ("ﾊﾟﾋﾟ", "ハ\u309aヒ\u309a"),
        ("パピ", "ハ\u309aヒ\u309a"),
        ("ǆ ǅ Ǆ", "DZ\u030c DZ\u030c DZ\u030c"),
        ("ПриВет", "ПРИВЕТ"),
        ("Σσς", "ΣΣΣ"),
        ("é", "E\u0301"),
        ("e\u0301", "E\u0301"),
        ("ệ", "E\u0323\u0302"),
        ("ê\u0323", "E\u0323\u0302"),
        ("①", "1"),
        ("ᾳ", "ΑΙ"),
        ("한", "\u1112\u1161\u11ab"),
        ("👩\u200d🚀", "👩🚀"),
        ("\ud800", "\ud800"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold_text(text) == folded


def folded_at_once(text: str) -> str:
    """Nothing is left out because of what a text looks like."""
    for unseen in "\0\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff":
        text = text.replace(unseen, "")
    for space in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029":
        text = text.replace(space, " ")
    text = unicodedata.normalize("NFKD", text)
    return re.sub("  +", " ", "ß".join(piece.upper() for piece in text.split("ß")))


PIECES = st.sampled_from(
    [
        *(
            "a",
            "B c",
            "é",
            "e\u0301\u0323",
            "\u0323",
            "ß",
            "ﬁ",
            "ｶ\uff9e",
            "한",
            "\u00a0",
            "\u00b4",
            "\u200d",
        ),
        *("\r\n", "\r\n", "\n", "\r", "\0", "\x01", "\x85", " ", "  ", "\t", "plain words", "\ud800"),
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=20).map("".join), st.text(max_size=60)))
def test_a_text_is_folded_by_lines_as_it_is_at_once(text: str) -> None:
    assert fold_text(text) == folded_at_once(text)
    assert fold_octets(encode(text)) == encode(folded_at_once(text))


def test_long_texts_are_the_same_as_octets() -> None:
    for text in ("é\n", "a b\r\n", "é\0", "é\x01", "ﷺ "):
        whole = text * 200_000
        assert fold_octets(encode(whole)) == encode(fold_text(whole))


def casemap_of_rfc_5051(text: str) -> str:
    """RFC 5051 2, each character for itself, by the letter."""
    titled = [one.title() if len(one.title()) == 1 else one for one in text]
    return "".join(unicodedata.normalize("NFKD", one) for one in titled)


def test_what_the_rfc_takes_for_equal_is_equal() -> None:
    seen: dict[str, str] = {}
    for code in range(sys.maxunicode + 1):
        one = chr(code)
        if unicodedata.category(one) not in ("Cs", "Cn", "Zs", "Zl", "Zp", "Cc", "Cf"):
            folded = fold_text(one)
            assert seen.setdefault(casemap_of_rfc_5051(one), folded) == folded


@given(st.text(max_size=60))
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold_text(fold_text(text)) == fold_text(text)


@given(st.text(max_size=60))
def test_the_amount_of_white_space_makes_no_difference(text: str) -> None:
    assert fold_text(text) == fold_text(text.replace(" ", " \r\n\t "))


@given(st.text(max_size=60))
def test_case_makes_no_difference(text: str) -> None:
    ascii_text = text.encode("ascii", "ignore").decode()
    assert fold_text(ascii_text.lower()) == fold_text(ascii_text.upper())


@given(st.text(max_size=30), st.text(max_size=10))
def test_a_part_of_a_text_is_found_in_it(text: str, more: str) -> None:
    # Marks belong to the letter before them.
    assert fold_text(text).strip() in fold_text(more + " " + text + " " + more)


def test_a_letter_with_a_million_marks_costs_no_more_than_a_million_letters() -> None:
    started = time.process_time()
    folded = fold_text("a" + "\u0301\u0323" * 500_000)
    assert time.process_time() - started < 2
    assert folded.startswith("A" + "\u0323" * 32)


def test_a_run_of_marks_is_cut_where_it_is_long_enough_wherever_it_stands() -> None:
    run = "a" + "\u0301\u0323" * 40
    for before in range(70):
        assert fold_text(run) in fold_text("é" * before + run)


def test_long_texts_are_folded_in_pieces_that_nobody_notices() -> None:
    for letter in ("é ", "é", "e\u0301\u0323", "ﾊﾟ", "ß"):
        assert fold_text(letter * 300_000) == fold_text(letter) * 300_000
    assert fold_text("\u2028" * 300_000) == " "


def test_no_more_is_folded_than_is_wanted() -> None:
    assert fold_text("hello", 3) == "HEL"
    assert fold_text("\ufdfa" * 1_000_000, 100) == fold_text("\ufdfa" * 100)[:100]
