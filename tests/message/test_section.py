"""HEADER.FIELDS and HEADER.FIELDS.NOT select lines and change none."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.header import header_end
from pillarbox.message.section import fields

HEADER = (
    b"From: a\r\nSubject: one\r\n two\r\n\tthree\r\nno field\r\nX-A : b\r\nsubject: again\r\nTo: c\r\n\r\n"
)


def names(*chosen: bytes) -> frozenset[bytes]:
    return frozenset(chosen)


def test_selected_fields_keep_their_folds_order_and_spelling() -> None:
    assert fields(HEADER, names(b"subject", b"from"), False) == (
        b"From: a\r\nSubject: one\r\n two\r\n\tthree\r\nsubject: again\r\n\r\n"
    )
    assert fields(HEADER, names(b"x-a"), False) == b"X-A : b\r\n\r\n"


def test_all_but_some() -> None:
    assert fields(HEADER, names(b"subject", b"from"), True) == b"no field\r\nX-A : b\r\nTo: c\r\n\r\n"


def test_nothing_selected_is_the_blank_line() -> None:
    assert fields(HEADER, names(b"cc"), False) == b"\r\n"


def test_a_header_without_a_blank_line_gets_none() -> None:
    # RFC 9051 6.4.5: "except in the case of a message that has no body and no blank line"
    assert fields(b"A: 1\r\nB: 2", names(b"b"), False) == b"B: 2"
    assert fields(b"A: 1\r\nB: 2\r\n", names(b"a"), False) == b"A: 1\r\n"
    assert fields(b"", names(b"a"), False) == b""


def test_bare_line_feeds() -> None:
    assert fields(b"A: 1\n x\nB: 2\n\n", names(b"a"), False) == b"A: 1\n x\n\n"
    assert fields(b"A: 1\n x\nB: 2\n\n", names(b"a"), True) == b"B: 2\n\n"


def test_a_bare_cr_ends_no_line() -> None:
    assert fields(b"A: 1\rB: 2\r\nC: 3\r\n\r\n", names(b"b", b"c"), False) == b"C: 3\r\n\r\n"


def test_both_selections_make_the_header() -> None:
    chosen = names(b"subject", b"to")
    both = fields(HEADER, chosen, False)[:-2] + fields(HEADER, chosen, True)[:-2]
    assert sorted(both.split(b"\r\n")) == sorted(HEADER[:-2].split(b"\r\n"))


PIECES = st.lists(
    st.sampled_from(
        [b"From", b"fRom", b"To", b"X-From", b":", b": a", b" ", b"\t", b"\r\n", b"\n", b"\r", b"(.*)", b"\0"]
    ),
    max_size=30,
).map(b"".join)


@given(PIECES, st.sampled_from([b"\r\n\r\n", b"\n\n", b"\r\n", b"\n", b""]))
def test_whatever_is_selected_is_what_a_look_at_each_line_finds(text: bytes, end: bytes) -> None:
    header = (text + end)[: header_end(text + end)]
    chosen = names(b"from", b"to", b"(.*)", b"x-from", b"odd name", b"odd:name")
    for wanted in (chosen, chosen - {b"odd name", b"odd:name"}, names(b"from"), names()):
        expected = b""
        for line in re.findall(rb"[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", header):
            blank = line in (b"\r\n", b"\n")
            if blank or (line.partition(b":")[0].rstrip(b" \t").lower() in wanted and b":" in line):
                expected += line
            if blank:
                break
        assert fields(header, wanted, False) == expected
