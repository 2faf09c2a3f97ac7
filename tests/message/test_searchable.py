"""The text SEARCH looks at, previews, and HTML as text."""

from pillarbox.message.derive import derive
from pillarbox.message.searchable import fold_text, searchable_headers, searchable_parts


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


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
    assert (derived.search_from, derived.search_subject) == (fields["from"], fields["subject"])
    assert (derived.search_to, derived.search_cc) == ("", "")
    assert derived.base_subject == "a folded subject"


def test_text_in_an_unknown_encoding_is_taken_as_it_is() -> None:
    raw = b"Content-Transfer-Encoding: x-new\r\n\r\nhello"
    assert list(searchable_parts(raw)) == ["HELLO"]
