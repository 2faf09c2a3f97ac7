"""Text parts: characters, and lines put together that were written as one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.text_part import searched_text, unflowed, unfolded
from pillarbox.message.walk import walk


def text(fields: str, body: bytes, limit: int = 1 << 20) -> str:
    raw = fields.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    return searched_text(raw, walk(raw), limit)


@pytest.mark.parametrize(
    ("fields", "body", "expected"),
    [
        ("A: b", b"plain", "plain"),
        ("A: b", "grün".encode(), "grün"),
        ("A: b", b"gr\xfcn", "grün"),
        ("Content-Type: text/plain; charset=us-ascii", "grün".encode(), "grün"),
        ("Content-Type: text/plain; charset=utf-8", b"gr\xfcn", "gr\ufffdn"),
        ("Content-Type: text/plain; charset=UTF8", "grün".encode(), "grün"),
        ("Content-Type: text/plain; charset=no-such", b"gr\xfcn", "grün"),
        ("Content-Type: text/plain; charset=rot13", b"abc", "abc"),
        ("Content-Type: text/plain; charset=latin1", b"\x93gr\xfcn\x94", "“grün”"),
        ("Content-Type: text/plain; charset=cp1251", b"\xef", "п"),
        ("Content-Type: text/plain; charset=koi8-r", b"\xd0", "п"),
        ("Content-Type: text/plain; charset=gb2312", b"\xd6\xd0", "中"),
        ("Content-Type: text/plain; charset=ks_c_5601-1987", b"\xc7\xd1", "한"),
        ("Content-Type: text/plain; charset=big5", b"\xa4\xa4", "中"),
        ("Content-Type: text/plain; charset=iso-2022-jp", b"\x1b$BF|K\\\x1b(B", "日本"),
        ("Content-Type: text/plain; charset=utf-7", b"+AOQ-", "ä"),
        ("Content-Type: text/plain; charset=utf-16", "\ufeffä".encode("utf-16-be"), "ä"),
        ("Content-Type: text/plain; charset=utf-16le", "ä".encode("utf-16-le"), "ä"),
        ("Content-Transfer-Encoding: quoted-printable", b"gr=C3=BC=\r\nn=", "grün"),
        ("Content-Transfer-Encoding: quoted-printable", b"a=3", "a=3"),
        ("Content-Transfer-Encoding: quoted-printable", b"a=ZZb", "a=ZZb"),
        ("Content-Transfer-Encoding: base64", b"aGVs\r\nbG8=", "hello"),
        ("Content-Transfer-Encoding: base64", b"aGVs!?\r\n  bG8", "hello"),
        ("Content-Transfer-Encoding: base64", b"aGU=bGxv", "hello"),
        ("Content-Transfer-Encoding: base64", b"", ""),
        ("Content-Transfer-Encoding: x-uuencode", b"begin 644 a\r\n%:&5L;&\\ \r\n`\r\nend", "hello"),
        ("Content-Transfer-Encoding: x-new", b"hello", "hello"),
        ("Content-Type: text/html", b"<p>in<b>side</b><img alt=cat>", " inside cat "),
        ("Content-Type: text/html", b"<meta charset=koi8-r>\xd0", " п"),
        (
            "Content-Type: text/html",
            b"<META http-equiv=x content='text/html; charset=windows-1251'>\xef",
            " п",
        ),
        ("Content-Type: text/html; charset=utf-8", "<meta charset=koi8-r>п".encode(), " п"),
        ("Content-Type: text/html", "<meta charset=no-such>п".encode(), " п"),
        ("Content-Type: text/enriched", b"<bold>b</bold>c", "bc"),
        ("Content-Type: text/csv", b"a,b", "a,b"),
        ("Content-Type: text/rtf", rb"{\rtf1 {\b b}c}", "bc"),
        ("Content-Type: text/calendar", b"SUMMARY:Meet\r\n ing\\, at\\nnoon", "SUMMARY:Meeting, at noon"),
        ("Content-Type: text/plain; format=flowed", b"one \r\ntwo", "one \r\ntwo"),
        ("Content-Type: text/plain; format=Flowed; delsp=YES", b"one \r\ntwo", "\nonetwo"),
    ],
)
def test_the_text_of_a_part(fields: str, body: bytes, expected: str) -> None:
    assert text(fields, body) == expected


@pytest.mark.parametrize(
    ("source", "delsp", "expected"),
    [
        ("one \r\ntwo\r\nthree", True, "onetwo / three"),
        ("one \n two", True, "onetwo"),
        ("one  \ntwo", True, "one two"),
        ("> said \n> more\nyes", False, "> said more / yes"),
        ("> said \n> more\n>> deep \n>> deeper\n> back", True, "> saidmore / >> deepdeeper / > back"),
        ("> said \nno quote", False, "> said / no quote"),
        ("> one\n> two", False, "> one / > two"),
        ("text \n-- \nname \nmore", True, "text / -- / namemore"),
        ("> text \n> -- \n> name", False, "> text / > -- / > name"),
        (" From here", True, "From here"),
        ("", True, ""),
        (" ", True, ""),
    ],
)
def test_flowed_lines_are_joined(source: str, delsp: bool, expected: str) -> None:
    lines = unflowed(source, delsp=delsp).strip("\n").split("\n")
    assert " / ".join(line.rstrip(" ") if line != "-- " else "--" for line in lines) == expected


@given(st.text("ab >-\r\n", max_size=60), st.booleans())
def test_any_text_can_flow(source: str, delsp: bool) -> None:
    def letters(text: str) -> str:
        return "".join(text.replace(">", "").split())

    assert letters(unflowed(source, delsp=delsp)) == letters(source)


def test_folds_of_calendars_and_cards() -> None:
    assert unfolded("a\r\n b\n\tc\r\nd") == "abc\r\nd"
    assert unfolded("a\\,b\\;c\\\\n\\Nd\\x") == "a,b;c\\n d\\x"


def test_what_is_beyond_the_limit_is_cut_off_between_words() -> None:
    assert text("A: b", b"word " * 10, 12) == "word word"
    assert text("A: b", b"x" * 50, 12) == "x" * 12
    words = "wörd ".encode() * 1_000
    for fields, body in (
        ("Content-Transfer-Encoding: base64", base64.encodebytes(words)),
        ("Content-Transfer-Encoding: quoted-printable", words.replace(b"\xc3\xb6", b"=C3=B6")),
        ("Content-Transfer-Encoding: 8bit", words),
    ):
        found = text(fields, body, 100)
        assert found == "wörd " * 15 + "wörd"
