"""HTML as text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message import html


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<b>b</b>c<br>d", "abc d"),
        ("in<b>ter</b>nation<o:p></o:p>al<wbr>ly<x-y a=b>!", "internationally!"),
        ("<p>one</p><p>two</p>", "one two"),
        ("<P CLASS=x>one<BR/>two<hr>three", "one two three"),
        ("a &amp; b &eacute; &#233; &#xe9; &unknown; &", "a & b é é é &unknown; &"),
        ("&lt;b&gt;", "<b>"),
        ("&amp;lt;", "&lt;"),
        ("a&nbsp;b&shy;c", "a b\u00adc"),
        ("&#0; &#xd800; &#x110000;", "\ufffd \ufffd \ufffd"),
        ("<style>p { x }</style>a<script>if (a<b) x</script>b", "ab"),
        ("<style type='a>b'>p</style >a<SCRIPT src=x>y</ScRiPt x=y>b", "ab"),
        ("<scripted>a</scripted><styles>b", "ab"),
        ("a<!-- <b>no</b> -->b", "ab"),
        ("via<!-- x -->gra", "viagra"),
        ("a<!-->b<!--->c<!-- x --!>d", "abcd"),
        ("a<!-- never closed", "a"),
        ("<!--[if mso]>no<![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->", "ab"),
        ("<script>never closed", ""),
        ("<style>never closed <b>x</b>", ""),
        ("<!DOCTYPE html><html><head><title>t</title></head><body>x", "t x"),
        ("<?xml version='1.0'?><p>x", "x"),
        ("<a title=\"a > b\" href='x>y'>link</a>", "link"),
        ('<a title="never closed>text</a> after', "text after"),
        ("<span style='display:none'>hidden</span>", "hidden"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        ("a<td>b<td>c", "a b c"),
        ("a<TD>b<Td>c<tD>d<FONT>e<Font>f<fOnt>g", "a b c defg"),
        ("<ul><li>a<li>b</ul>c", "a b c"),
        ("a</p>b", "a b"),
        ("a<img src=x alt='no'>b", "a b"),
        ("<p", ""),
        ("<", "<"),
        ("", ""),
    ],
)
def test_html_as_text(source: str, text: str) -> None:
    assert " ".join(html.text(source).split()) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<img alt='A cat &amp; dog' src=x>b", "a A cat & dog b"),
        ('<img src="x"alt="cat">', "cat"),
        ("<IMG ALT = cat>", "cat"),
        ("<img data-alt=no><area alt=yes>", "yes"),
        ("<img alt=''>", ""),
        ("<img alt=>x", "x"),
        ("<p alt=no>x", "x"),
    ],
)
def test_what_stands_for_an_image_is_text_too(source: str, text: str) -> None:
    assert " ".join(html.text(source, alternatives=True).split()) == text


@given(st.text("<>!-/'\"&;= aimgltbpstyle", max_size=60), st.booleans())
def test_any_html_is_some_text(source: str, alternatives: bool) -> None:
    html.text(source, alternatives=alternatives)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<",
            "<a",
            "<a ",
            "<b>",
            "<!--",
            "<!-- -->",
            "<script>",
            "</script>",
            "<style",
            "&",
            "&a",
            "&#1",
            "'",
        ),
        *('<a b="', "<a b='x>", "<img alt=", "<img alt='", "--", "<!-", "<a\n", "< ", "\0", "<a/", "<img "),
        *("&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "<!--<script>", '"<', "<a'\"", "<script <"),
    ],
)
def test_time_grows_with_length_only(piece: str) -> None:
    started = time.process_time()
    html.text(piece * (1_000_000 // len(piece)), alternatives=True)
    html.text("<img " + piece * (1_000_000 // len(piece)), alternatives=True)
    assert time.process_time() - started < 5


def test_huge_attributes_are_passed_over() -> None:
    assert html.text(f"a<span style='{'x: y; ' * 1_000_000}'>b</span>") == "ab"
