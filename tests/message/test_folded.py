"""The short ways to the searched text lead to what `searchable` says, for every message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.casemap import encode
from pillarbox.message.field_text import field_texts
from pillarbox.message.folded import folded
from pillarbox.message.header import fields, header_end
from pillarbox.message.limits import MAX_HEADER
from pillarbox.message.searchable import Documents, line, searchable, searchable_parts
from pillarbox.message.text_part import octets_of, searched_text
from pillarbox.message.walk import contents
from tests import corpus


def read(content_type: str, name: str, octets: bytes) -> str:
    return f"{content_type} {name} {len(octets)}"


def spaced(name: str) -> str:
    """The white space in what is no name is not told apart."""
    return re.sub("[ \t]+", " ", name)


def assert_the_same(raw: bytes, documents: Documents | None = None) -> None:
    lines, parts = folded(raw, documents)
    assert parts == [encode(text) for text in searchable_parts(raw, documents)]
    by_letter = [
        (spaced(name.decode("latin-1")), text)
        for name, value in fields(raw[: min(header_end(raw), MAX_HEADER)])
        for text in field_texts(name, value)
    ]
    assert [(spaced(name), text) for name, text in searchable(raw).headers] == by_letter
    assert [(spaced(name.decode("latin-1")), text.decode()) for name, _, text in lines] == by_letter
    assert [whole for _, whole, _ in lines] == [encode(line(name, text)) for name, text in by_letter]


@pytest.mark.parametrize("name", ["spamassassin", "torture"])
def test_every_message_of_a_corpus(name: str) -> None:
    for mail in corpus.mails(name):
        assert_the_same(mail.raw)
        assert_the_same(corpus.as_delivered(mail.raw), read)


TYPES = """text/plain
TEXT/PLAIN; charset=us-ascii
text/plain; charset="utf-8"; format=flowed
text/plain;format=flowed;delsp=yes
text/plain; charset=utf-7
text/plain; charset=iso-2022-jp
text/plain; charset=hz; x=y
text/plain; charset=utf-16
text/plain; charset=nonsense
text/plain; name="a file.txt"
text/plain; NAME*=utf-8''%c3%a4
text/plain; x-name=b;
text/plain; charset="us\\-ascii" (comment)
text/plain (comment); charset=utf-8
text/plain; charset =utf-8
text/html; charset=iso-8859-1
Text/Html
text/enriched
text/calendar; charset=utf-8
text/rtf
text
text/
message/rfc822
message/delivery-status
image/png; name=a.png
application/pdf; name=a.pdf
multipart/mixed; boundary=b
multipart/digest; boundary="b"
=?utf-8?q?text/html?=
text/plain; charset==?utf-8?q?utf-16?=""".splitlines()

BODIES = [
    b"Plain  words\r\n\r\nand  more\r\n",
    b"> quoted \r\n> on\r\nflo \r\nwed\r\n",
    b"<p>a&amp;b<Br>c<B>d</b><IMG alt='e'>",
    b"soft=\r\nbreak =C3=A4 \t\r\nend ",
    b"ZsO8bmY=",
    b"+AOQ- ~{<:Ky2;~} \x1b$B4A;z\x1b(B",
    "Zeilen\r\nmit  Ümläuten und\u00a0ﬁ\r\nund ohne\r\n".encode(),
    b"Gr\xfc\xdfe\r\nfrom\r\n\r\nafar",
    b"\0\x01 \xc3\0\xa9 \x01\xe9",
    b"lone\rcarriage\nreturns\r\r\n",
    b"preamble\r\n--b\r\nContent-Type: text/html\r\n\r\n<i>x</i>\r\n--b\r\n\r\ny\r\n--b--\r\n",
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nside\r\n--b--\r\n",
    b"SUMMARY:a\r\n b\\nc",
    b"",
]
VALUES = st.sampled_from(TYPES).map(str.encode)
ENCODINGS = st.sampled_from(
    [
        b"7bit",
        b"8BIT",
        b" Quoted-Printable ",
        b"base64 (really)",
        b"x-nobody knows",
        b"BASE64",
        b"",
        b"binary",
    ]
)
DISPOSITIONS = st.sampled_from(
    [b"inline", b"attachment; filename=b.txt", b'INLINE; filename="c  d.txt"', b""]
)
FOLDS = st.sampled_from([b" ", b"", b"\r\n ", b"\r\n\t", b"\n ", b"  ", b"\t"])
FIELDS = st.one_of(
    st.tuples(st.sampled_from([b"Content-Type", b"CONTENT-type ", b"content-type"]), FOLDS, VALUES),
    st.tuples(
        st.sampled_from([b"Content-Transfer-Encoding", b"content-TRANSFER-encoding"]), FOLDS, ENCODINGS
    ),
    st.tuples(st.just(b"Content-Disposition"), FOLDS, DISPOSITIONS),
    st.tuples(
        st.sampled_from([b"From", b"To", b"Subject", b"X-\xe9", b"\xe9", b"", b"a b", b"Cc\t"]),
        FOLDS,
        st.sampled_from(
            [
                b"a@x",
                b'"A,\tB" <a@x>, C  D <c@x>',
                b'"A" <a@x>,\r\n\t"B,  C"\r\n <b@x>',
                b"Friends: a@x, b@y;",
                b"=?utf-8?q?K=C3=A4the?= <k@x>",
                b"fold\r\n \r\n ed \t ",
                b"8-bit \xe9",
                b": colons : and ::",
            ]
        ),
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
    some = [name + b":" + fold + value + end for name, fold, value in draw(st.lists(FIELDS, max_size=5))]
    blank = draw(st.sampled_from([end, end, b"", b"no field" + end]))
    return b"".join(some) + blank + draw(st.sampled_from(BODIES))


@given(messages())
def test_any_message(raw: bytes) -> None:
    assert_the_same(raw)
    assert_the_same(raw, read)


@given(st.binary(max_size=200), st.sampled_from(TYPES))
def test_any_octets(octets: bytes, kind: str) -> None:
    assert_the_same(octets)
    assert_the_same(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + octets)


def test_what_is_too_long_is_cut_as_ever() -> None:
    raw = b"Subject: " + b"x  y" * 100_000 + b"\r\n\r\n" + b"word \xc3\xa4 " * (2 << 20)
    assert_the_same(raw)
    text = searched_text(raw, contents(raw), 1 << 24)
    assert len(octets_of(raw, contents(raw), 1 << 24)) <= 1 << 24 and len(text) < len(raw)
