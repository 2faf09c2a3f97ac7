"""The names of files (RFC 2183, RFC 2231)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.content import parameters
from pillarbox.message.filenames import file_names


def names(disposition: bytes | None, content_type: bytes = b"text/plain") -> tuple[str, ...]:
    fields = {} if disposition is None else {b"content-disposition": disposition}
    return file_names(fields, parameters(content_type))


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"attachment", None),
        (b"attachment; filename=bill.pdf", "bill.pdf"),
        (b'attachment; FileName="my \\"bill\\".pdf"', 'my "bill".pdf'),
        (b"attachment; filename=", None),
        # RFC 2231 3, 4, 4.1
        (b"attachment; filename*=utf-8'en'%e2%82%ac%20bill.pdf", "€ bill.pdf"),
        (b"attachment; filename*=iso-8859-1''%a3.pdf", "£.pdf"),
        (b"attachment; filename*=''%e2%82%ac.pdf", "€.pdf"),
        (b"attachment; filename*=unknown''%a3.pdf", "£.pdf"),
        (b"attachment; filename*=plain.pdf", "plain.pdf"),
        (b"attachment; filename*0=very; filename*1=long; filename*2=.pdf", "verylong.pdf"),
        (b"attachment; filename*1=long; filename*0=very", "verylong"),
        (b"attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=%20.pdf", "€%20.pdf"),
        (b"attachment; filename*0=a; filename*2=c", "a"),
        (b"attachment; filename*1=b", None),
        (b"attachment; filename*0*=utf-8'%e2", "utf-8'â"),
        (b"attachment; filename*x=b; filename*-1=c; filename*99999=d", None),
        (b"attachment; filename=fallback.pdf; filename*=utf-8''%e2%82%ac.pdf", "€.pdf"),
        # What is sent all the same
        (b'attachment; filename="=?utf-8?q?=E2=82=AC.pdf?="', "€.pdf"),
        (b'attachment; filename*0="=?utf-8?q?=E2="; filename*1="82=AC.pdf?="', "€.pdf"),
        ("attachment; filename=€.pdf".encode(), "€.pdf"),
        (b"attachment; filename=\xa3.pdf", "£.pdf"),
        (b"attachment; filename=a; filename=b", "a"),
    ],
)
def test_the_name_of_a_disposition(disposition: bytes, name: str | None) -> None:
    assert names(disposition) == (() if name is None else (name,))


def test_both_fields_may_have_one() -> None:
    assert names(None, b"application/pdf; name=bill.pdf") == ("bill.pdf",)
    assert names(b"attachment; filename=a", b"application/pdf; name=b") == ("a", "b")
    assert names(b"attachment; filename=a", b"application/pdf; name=a") == ("a",)


@given(st.text("filename*0123=%'\"; \\aé", max_size=60).map(str.encode))
def test_any_field_has_some_name(value: bytes) -> None:
    names(b"attachment; " + value)
