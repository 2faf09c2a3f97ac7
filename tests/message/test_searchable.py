"""What is searched of a message, and the truth about what it contains."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.limits import MAX_DEPTH, MAX_ENCODED_DEPTH
from pillarbox.message.searchable import (
    Searchable,
    fold_text,
    in_body,
    in_header,
    in_text,
    searchable,
    searchable_headers,
    searchable_parts,
)
from tests import corpus


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


def parts(text: str) -> list[str]:
    return [part.strip() for part in searchable(crlf(text)).parts]


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
Content-Type: text/html; name=page.html

<p>in<b>side</b><br>two&nbsp;words</p>
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''Gr%c3%bc%c3%9fe.pdf

binary
--b
Content-Type: message/rfc822

Subject: Inner one
To: =?utf-8?q?K=C3=A4the?= <k@x>

deep text
--b--
epilogue
""")


def test_the_header_is_decoded() -> None:
    fields = dict(searchable_headers(MAIL))
    assert fields["from"] == fold_text("Jürgen <j@x.example>")
    assert fields["subject"] == "A FOLDED SUBJECT"
    assert [name for name, _ in searchable_headers(MAIL)] == ["from", "subject", "content-type"]


def test_the_body_is_every_text_and_name_and_every_inner_header() -> None:
    assert [text.strip() for text in searchable_parts(MAIL)] == [
        fold_text("grün"),
        "PAGE.HTML",
        "INSIDE TWO WORDS",
        fold_text("Grüße.pdf"),
        "SUBJECT: INNER ONE",
        fold_text("to: Käthe <k@x>"),
        "DEEP TEXT",
    ]


@pytest.mark.parametrize(
    ("needle", "text", "body"),
    [
        ("jürgen", True, False),
        ("from: jürgen", True, False),
        ("subject: inner", True, True),
        ("GRÜN", True, True),
        ("inside two", True, True),
        ("inside  TWO\u00a0", True, True),
        ("grün page", False, False),
        ("words grüße", False, False),
        ("one to:", False, False),
        ("preamble", False, False),
        ("epilogue", False, False),
        ("binary", False, False),
        ("", True, True),
    ],
)
def test_what_a_message_contains(needle: str, text: bool, body: bool) -> None:
    message = searchable(MAIL)
    assert in_text(message, fold_text(needle)) == text
    assert in_body(message, fold_text(needle)) == body


def test_what_a_field_contains() -> None:
    message = searchable(b"To: a@x\r\nTo: b@x\r\nX:\r\n\r\n")
    assert in_header(message, "to", "A@X") and in_header(message, "to", "B@X")
    assert not in_header(message, "to", "X B") and not in_header(message, "from", "A@X")
    assert in_header(message, "x", "") and not in_header(message, "y", "")


def test_quotes_that_are_escaped_are_found_as_they_are_shown() -> None:
    message = searchable(b'From: "a \\"b\\" c" <j@x>\r\n\r\n')
    for needle in ('a "b" c', '"a \\"b\\" c"', "j@x"):
        assert in_header(message, "from", fold_text(needle))


def test_reports_signed_parts_and_other_texts() -> None:
    report = parts("""\
Content-Type: multipart/report; boundary=b

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822;nobody@x
--b
Content-Type: text/rfc822-headers

Subject: lost
--b
Content-Type: text/calendar

SUMMARY:Lo
 ng
--b--
""")
    assert report == ["FINAL-RECIPIENT: RFC822;NOBODY@X", "SUBJECT: LOST", "SUMMARY:LONG"]
    signed = parts("""\
Content-Type: multipart/signed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c

one
--c
Content-Type: text/html

<b>o</b>ne
--c--
--b
Content-Type: application/pgp-signature; name=signature.asc

iQ
--b--
""")
    assert signed == ["ONE", "ONE", "SIGNATURE.ASC"]


def test_a_message_that_is_one_attachment() -> None:
    assert parts("Content-Type: image/png; name=cat.png\n\nxx") == ["CAT.PNG"]
    assert parts("Subject: x\n\n") == [""]
    assert parts("") == [""]


def test_messages_that_are_encoded_are_looked_into() -> None:
    inner = b"Subject: in\r\n\r\nfound"
    for depth in range(1, MAX_ENCODED_DEPTH + 2):
        inner = (
            b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        ) + base64.encodebytes(inner)
        message = searchable(inner)
        assert in_body(message, "FOUND") == in_body(message, "SUBJECT: IN") == (depth <= MAX_ENCODED_DEPTH)


def test_what_is_nested_too_deep_is_not_searched() -> None:
    for depth, found in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False)):
        message = searchable(b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nfound")
        assert in_body(message, "FOUND") == found


def test_no_more_than_the_limit_is_searched() -> None:
    mail = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none two\n--b\n\nthree\n--b--\n")
    assert searchable(mail, limit=100).parts == ("ONE TWO", "THREE")
    assert searchable(mail, limit=7).parts == ("ONE TWO",)
    assert searchable(mail, limit=5).parts == ("ONE",)
    assert searchable(mail, limit=0).parts == ()


def test_documents_are_what_is_said_of_them() -> None:
    asked: list[tuple[str, str, bytes]] = []

    def documents(content_type: str, name: str, data: bytes) -> str:
        asked.append((content_type, name, data))
        return f"text  of {name}"

    mail = crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nYWJj\n--b\n"
        "Content-Type: image/png\n\nx\n--b--\n"
    )
    assert searchable(mail, documents).parts == ("A.PDF", "TEXT OF A.PDF")
    assert asked == [("application/pdf", "a.pdf", b"abc")]
    assert searchable(mail).parts == ("A.PDF",)


def one_line_each(raw: bytes) -> None:
    """No folded text and no needle has a line end in it, so texts can be kept joined by line ends."""
    assert all("\n" not in text for _, text in searchable_headers(raw))


@pytest.mark.parametrize("name", ["spamassassin", "torture"])
def test_texts_of_real_headers_are_one_line_each(name: str) -> None:
    for mail in corpus.mails(name):
        one_line_each(mail.raw)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"From", b"TO", b"cc ", b"Subject", b"X", b" To"]),
            st.sampled_from(
                [b"a@x", b'"a \\" b" <a@x>', b"", b"=?utf-8?q?=C3=A4?=", b"\xff", b"a\r\n b", b"\r"]
            ),
        ),
        max_size=8,
    )
)
def test_texts_of_any_header_are_one_line_each(lines: list[tuple[bytes, bytes]]) -> None:
    one_line_each(b"".join([name + b": " + value + b"\r\n" for name, value in lines]) + b"\r\nbody")


@given(st.binary(max_size=300), st.text(max_size=5))
def test_any_octets_contain_something_or_not(raw: bytes, text: str) -> None:
    message = searchable(raw)
    assert isinstance(message, Searchable)
    needle = fold_text(text)
    assert in_text(message, needle) >= in_body(message, needle)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40), st.data())
def test_a_piece_of_a_text_is_found(text: str, data: st.DataObject) -> None:
    message = searchable(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode())
    folded = fold_text(text)
    start = data.draw(st.integers(0, len(folded)))
    end = data.draw(st.integers(start, len(folded)))
    assert in_body(message, folded[start:end])
