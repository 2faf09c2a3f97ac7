"""Comparators (RFC 4790, RFC 5051)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message import collation
from pillarbox.message.collation import ASCII_CASEMAP, DEFAULT, OCTET, matching


@pytest.mark.parametrize(
    ("text", "unicode_casemap", "ascii_casemap"),
    [
        ("Hello", "HELLO", "HELLO"),
        ("café", "CAFE\u0301", "CAFé"),
        ("ß", "ß", "ß"),
        ("two  spaces ", "TWO SPACES ", "TWO  SPACES "),
    ],
)
def test_what_is_compared(text: str, unicode_casemap: str, ascii_casemap: str) -> None:
    assert DEFAULT.prepare(text) == unicode_casemap
    assert ASCII_CASEMAP.prepare(text) == ascii_casemap
    assert OCTET.prepare(text) == text


@given(st.text(), st.text())
def test_keys_order_as_octets_do(some: str, other: str) -> None:
    for one in collation.COMPARATORS:
        keys = [one.prepare(text) for text in (some, other)]
        octets = [key.encode("utf-8", "surrogatepass") for key in keys]
        assert (keys[0] < keys[1]) is (octets[0] < octets[1])


@given(st.binary())
def test_what_cannot_be_read_comes_last_and_by_its_octets(octets: bytes) -> None:
    for one in collation.COMPARATORS:
        unreadable = collation.key(collation.UNREADABLE + octets, one.prepare)
        assert unreadable > collation.key("\U0010fffd".encode() * 9, one.prepare)
        assert unreadable <= collation.key(collation.UNREADABLE + octets + b"\x00", one.prepare)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("default", ["i;unicode-casemap"]),
        ("-default", ["-i;unicode-casemap"]),
        ("i;octet", ["i;octet"]),
        ("+i;octet", ["i;octet"]),
        ("-i;octet", ["-i;octet"]),
        ("*", ["i;unicode-casemap", "i;ascii-casemap", "i;octet"]),
        ("i;*casemap", ["i;unicode-casemap", "i;ascii-casemap"]),
        ("i;ascii-numeric", []),
        ("cz;*", []),
        ("i*" * 126, []),
    ],
)
def test_comparators_are_found_by_pattern(order: str, names: list[str]) -> None:
    found = matching(order)
    assert found is not None
    assert [one.selected for one in found] == names


@pytest.mark.parametrize("order", ["", "+", "**", "1", "i;o ctet", "i;é", "i;" + "x" * 253])
def test_what_is_no_pattern(order: str) -> None:
    assert matching(order) is None


some_octets = st.one_of(
    st.text(alphabet="aB é\r\n\x00\x01ß  ", max_size=6).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=3).map(lambda octets: collation.UNREADABLE + octets),
)


@given(st.lists(some_octets, max_size=8))
def test_many_texts_have_the_keys_of_each(stored: list[bytes]) -> None:
    for one in collation.COMPARATORS:
        wanted = {text: collation.key(text, one.prepare) for text in stored}
        assert collation.keys(stored, one.prepare) == wanted
