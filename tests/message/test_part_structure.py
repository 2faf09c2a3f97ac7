"""The structure of a part is what stands for it in the structure of the whole."""

from __future__ import annotations

import pytest

from pillarbox.message.derive import derive
from pillarbox.message.part_structure import of_header, part_structure
from pillarbox.message.section import Section
from tests.transcripts.language import HERE

NESTED = derive((HERE / "messages" / "nested.eml").read_bytes().replace(b"\n", b"\r\n")).structure
PLAIN = derive(b"Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpi\r\n").structure
TEXT = b'("text" "plain" ("charset" "us-ascii") NIL NIL "%b" %d %d NIL NIL NIL NIL)'


def at(stored: bytes, *path: int, what: str = "") -> bytes | None:
    return part_structure(stored, Section(path, what))  # type: ignore[arg-type]


def test_parts_by_their_numbers() -> None:
    assert at(NESTED) == NESTED
    assert at(NESTED, 1) == TEXT % (b"7bit", 5, 0)
    assert at(NESTED, 2).startswith(b'("application" "octet-stream" ("name" "data.bin") NIL NIL "base64" 8 ')
    assert at(NESTED, 3).startswith(b'("message" "rfc822" NIL NIL NIL "7bit" ')
    assert at(NESTED, 3, 1) == TEXT % (b"7bit", 11, 0)
    assert at(NESTED, 3, 2).startswith(b'("text" "html" ("charset" "utf-8") "<html@example.net>" ')
    assert at(NESTED, 4) == b'("image" "gif" NIL NIL NIL "x-unknown" 4 NIL NIL NIL NIL)'
    for piece in ((1,), (2,), (3,), (3, 1), (3, 2), (4,)):
        assert at(NESTED, *piece) in NESTED


@pytest.mark.parametrize("path", [(5,), (1, 1), (2, 1), (3, 3), (3, 1, 1), (4, 8)])
def test_parts_that_are_not_there(path: tuple[int, ...]) -> None:
    assert at(NESTED, *path) is None


def test_the_text_of_a_message() -> None:
    assert at(NESTED, what="TEXT") == NESTED
    inner = at(NESTED, 3, what="TEXT")
    assert inner is not None and inner.endswith(b'"alternative" ("boundary" "inner") NIL NIL NIL)')
    assert at(PLAIN, what="TEXT") == at(PLAIN, 1) == PLAIN == TEXT % (b"base64", 6, 1)


def test_what_was_decoded_is_told_of_as_it_is_sent() -> None:
    assert part_structure(PLAIN, Section((1,)), decoded=(3, 1)) == TEXT % (b"binary", 3, 1)
    data = part_structure(NESTED, Section((2,)), decoded=(6, 9))
    assert data is not None and b' NIL NIL "binary" 6 NIL ("attachment" ' in data


def test_old_clients_see_no_message_in_message_global() -> None:
    stored = derive(b"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\nx").structure
    short = part_structure(stored, Section((1,)), rev1=True)
    assert short is not None and short.count(b"(") == 1
    assert part_structure(stored, Section((1,))) == stored


def test_headers() -> None:
    for what in ("HEADER", "MIME", "HEADER.FIELDS"):
        assert at(NESTED, 3, what=what) is None
    assert of_header(7, b"A: b\r\n\r\n") == (
        b'("text" "rfc822-headers" NIL NIL NIL "7bit" 7 2 NIL NIL NIL NIL)'
    )
    assert b'"8bit"' in of_header(3, b"\xc3\xbc\n")
    assert of_header(999999, None).startswith(b'("application" "octet-stream" NIL NIL NIL "8bit" 999999 ')
