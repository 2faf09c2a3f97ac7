"""Documents as text: each kind, and what broken and hostile ones come to."""

import time
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.message.documents import pdf, text
from pillarbox.message.documents.kinds import is_document, kind_of
from pillarbox.message.documents.text import OutOfTime, text_of
from pillarbox.message.limits import MAX_DOCUMENT_TEXT, MAX_UNPACKED
from tests.message.documents import made

MADE = {
    "docx": (made.DOCX, "International Grüße next foot"),
    "xlsx": (made.XLSX, "Budget rent light 1234.56 inline made"),
    "pptx": (made.PPTX, "slide 2 end slide 10 end"),
    "odf": (made.ODT, "Title inside two three"),
    "epub": (made.EPUB, "Call me Ishmael"),
    "rtf": (made.RTF, "word bold При€\U0001f600 {x}—"),
    "pdf": (made.pdf("Hello there", "second page"), "Hello there second page"),
}


def words(kind: str, data: bytes) -> str:
    return " ".join(text_of(kind, data).split())


@pytest.mark.parametrize("kind", MADE)
def test_the_text_of_each_kind(kind: str) -> None:
    data, expected = MADE[kind]
    assert words(kind, data) == expected


@pytest.mark.parametrize("kind", MADE)
def test_broken_documents_have_some_text(kind: str) -> None:
    data, _ = MADE[kind]
    for end in range(0, len(data), max(1, len(data) // 40)):
        text_of(kind, data[:end])
        text_of(kind, data[:end] + b"\xff\x00" + data[end + 2 :])


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(MADE)), st.binary(max_size=200))
def test_any_octets_have_some_text(kind: str, data: bytes) -> None:
    text_of(kind, data)
    text_of(kind, made.zipped({"word/document.xml": data, "content.xml": data}))


def test_a_kind_nobody_reads_has_no_text() -> None:
    assert text_of("doc", b"\xd0\xcf\x11\xe0") == ""


@pytest.mark.parametrize(
    ("content_type", "name", "kind"),
    [
        ("application/pdf", "", "pdf"),
        ("application/octet-stream", "Bill.PDF", "pdf"),
        ("application/octet-stream", "pdf", "pdf"),
        ("application/octet-stream", "x.png", None),
        ("application/msword", "x.docx", "docx"),
        ("application/msword", "x.doc", None),
        ("application/vnd.oasis.opendocument.spreadsheet", "x", "odf"),
        ("image/png", "x.pdf", None),
    ],
)
def test_what_a_document_is(content_type: str, name: str, kind: str | None) -> None:
    assert kind_of(content_type, name) == kind
    assert is_document(content_type, name) == (kind is not None)


def test_what_was_read_before_the_damage_counts() -> None:
    broken = made.docx("<w:p><w:t>seen</w:t></w:p>" + "<w:p>x</w:p>" * 20_000 + "<w:p><w:t>lost</w:q>")
    assert words("docx", broken) == "seen"


def test_what_was_read_before_time_was_out_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces(data: bytes) -> Iterator[str]:
        yield "seen"
        raise OutOfTime

    monkeypatch.setitem(text._READERS, "pdf", pieces)
    assert text_of("pdf", b"") == "seen"


def test_documents_that_declare_entities_are_not_read() -> None:
    bomb = (
        '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
        '<w:document xmlns:w="w"><w:t>&b;</w:t></w:document>'
    )
    assert text_of("docx", made.zipped({"word/document.xml": bomb})) == ""


def test_an_archive_that_unpacks_without_end_is_read_up_to_the_limit() -> None:
    body = b"<w:document xmlns:w='w'><w:t>first" + b" " * (MAX_UNPACKED + 1_000_000) + b"last</w:t>"
    started = time.process_time()
    found = text_of("docx", made.zipped({"word/document.xml": body}))
    assert found.startswith("first") and "last" not in found
    assert len(found) <= MAX_DOCUMENT_TEXT
    assert time.process_time() - started < 5


def test_archives_packed_in_odd_ways_are_not_read() -> None:
    assert words("docx", made.zipped({"word/document.xml": "<t>x</t>"}, zipfile.ZIP_LZMA)) == ""


def test_deep_nesting_is_no_way_out() -> None:
    deep = "<w:p>" * 500_000
    text_of("docx", made.zipped({"word/document.xml": f"<w:document xmlns:w='w'>{deep}"}))
    text_of("rtf", b"{" * 500_000 + b"x")
    text_of("pdf", b"%PDF-1.4\n1 0 obj\n" + b"[" * 500_000)


def test_without_the_library_no_pdf_has_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "pypdf", None)
    assert text_of("pdf", made.pdf("hello")) == ""


def test_a_pdf_with_a_password_is_left_closed() -> None:
    locked = made.pdf("secret").replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (x) /U (y) >> /ID [(a)(a)]",
    )
    assert text_of("pdf", locked) == ""


@pytest.mark.parametrize(
    "piece", [b"{", b"}", b"\\", b"\\u1", b"\\'", b"\\'41", b"\\uc99\\u1 x", b"a", b"\\*{"]
)
def test_rtf_takes_time_by_its_length(piece: bytes) -> None:
    started = time.process_time()
    text_of("rtf", piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 5
