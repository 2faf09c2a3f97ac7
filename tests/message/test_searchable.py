"""The text SEARCH looks at, previews, and HTML as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message import html
from pillarbox.message.derive import derive
from pillarbox.message.searchable import fold_text, searchable_headers, searchable_parts


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("Hello", "HELLO"),
        ("  two \t\r\n words ", " TWO WORDS "),
        (" \n ", " "),
        ("non\u00a0breaking", "NON BREAKING"),
        ("Grüße", "GRU\u0308ßE"),
        ("ﬁne", "FINE"),
        ("ǆ ǅ Ǆ", "DZ\u030c DZ\u030c DZ\u030c"),
        ("ПриВет", "ПРИВЕТ"),
        ("Σσς", "ΣΣΣ"),
        ("é", "E\u0301"),
        ("e\u0301", "E\u0301"),
        ("①", "1"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold_text(text) == folded


@given(st.text(max_size=60))
def test_folding_once_is_enough_for_case(text: str) -> None:
    assert fold_text(text) == fold_text(text.replace(" ", "  "))
    ascii_text = text.encode("ascii", "ignore").decode()
    assert fold_text(ascii_text.lower()) == fold_text(ascii_text.upper())


@given(st.text(max_size=30), st.text(max_size=10))
def test_a_part_of_a_text_is_found_in_it(text: str, more: str) -> None:
    assert fold_text(text).strip() in fold_text(more + text + more)


MAIL = crlf("""\
From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>
Subject: a =?utf-8?q?folded?=
 subject
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=
n
--b
Content-Type: text/html

<p>in<b>side</b><br>two&nbsp;words</p>
--b
Content-Type: application/pdf

binary
--b
Content-Type: message/rfc822

Subject: Inner one
To: =?utf-8?q?K=C3=A4the?= <k@x>

deep text
--b--
""")


def test_the_header_is_decoded() -> None:
    fields = dict(searchable_headers(MAIL))
    assert fields["from"] == fold_text("Jürgen <j@x.example>")
    assert fields["subject"] == "A FOLDED SUBJECT"
    assert [name for name, _ in searchable_headers(MAIL)] == ["from", "subject", "content-type"]


def test_the_body_is_every_text_and_every_inner_header() -> None:
    assert [text.strip() for text in searchable_parts(MAIL)] == [
        fold_text("grün"),
        "INSIDE TWO WORDS",
        "SUBJECT: INNER ONE",
        fold_text("to: Käthe <k@x>"),
        "DEEP TEXT",
    ]


def test_keys_of_the_derived_row_are_folded_the_same_way() -> None:
    derived = derive(MAIL)
    fields = dict(searchable_headers(MAIL))
    assert (derived.sort_from, derived.sort_subject) == (fields["from"], fields["subject"])
    assert (derived.sort_to, derived.sort_cc) == ("", "")
    assert derived.base_subject == "a folded subject"


def test_text_in_an_unknown_encoding_is_taken_as_it_is() -> None:
    raw = b"Content-Transfer-Encoding: x-new\r\n\r\nhello"
    assert list(searchable_parts(raw)) == ["HELLO"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<b>b</b>c<br>d", "abc d"),
        ("<p>one</p><p>two</p>", "one two"),
        ("a &amp; b &eacute; &#233; &#xe9; &unknown; &", "a & b é é é &unknown; &"),
        ("<style>p { x }</style>a<script>if (a<b) x</script>b", "a b"),
        ("a<!-- <b>no</b> -->b", "a b"),
        ("a<!-- never closed", "a"),
        ("<script>never closed", ""),
        ("<!DOCTYPE html><html><head><title>t</title></head><body>x", "t x"),
        ("<a title=\"a > b\" href='x>y'>link</a>", "link"),
        ('<a title="never closed>text</a> after', "text after"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        ("a<td>b<td>c", "a b c"),
        ("<p", ""),
        ("", ""),
    ],
)
def test_html_as_text(source: str, text: str) -> None:
    assert " ".join(html.text(source).split()) == text


@given(st.text("<>!-/'\"&; abpstyle", max_size=60))
def test_any_html_is_some_text(source: str) -> None:
    html.text(source)


def preview(text: str) -> str:
    return derive(crlf(text)).preview.decode()


def test_previews() -> None:
    assert preview("Subject: x\n\nHello\n  there,\n> quoted\nworld\n") == "Hello there, world"
    assert preview("Subject: x\n\n> only\n> quoted\n") == "> only > quoted"
    assert preview("Subject: x\n\n") == ""
    assert preview("Content-Type: image/png\n\nxx") == ""
    assert preview("Content-Type: text/html\n\n<style>x</style><p>Hello <b>you</b>") == "Hello you"
    assert preview(MAIL.decode().replace("\r\n", "\n")) == "Grün"
    assert preview("Subject: x\n\n" + "wörd " * 1000) == ("wörd " * 40).strip()
    assert preview("Subject: x\n\n" + "> quoted\n" * 1000 + "own\n") == "own"
    style = "<style>" + "p { color: red }\n" * 500 + "</style>"
    assert preview(f"Content-Type: text/html\n\n{style}<p>text") == "text"
    assert preview("Subject: x\n\na\0b\x1b\u200bc") == "abc"


def test_previews_prefer_plain_text_that_is_no_attachment() -> None:
    assert (
        preview(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\nno\n"
            "--b\nContent-Type: text/html\n\n<p>html\n--b\n\nplain\n--b--\n"
        )
        == "plain"
    )
