"""Lines and dots: whole, split at every octet, and with something behind them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.net.framing import MORE, TOO_LONG, Unstuffer, find_line


@pytest.mark.parametrize(
    ("data", "start", "limit", "end"),
    [
        (b"abc\r\ndef", 0, 10, 5),
        (b"abc\r\ndef\n", 5, 10, 9),
        (b"abc", 0, 10, MORE),
        (b"", 0, 10, MORE),
        (b"\n", 0, 1, 1),
        (b"abcd\n", 0, 5, 5),
        (b"abcde\n", 0, 5, TOO_LONG),
        (b"abcde", 0, 5, TOO_LONG),
    ],
)
def test_a_line_ends_behind_its_lf(data: bytes, start: int, limit: int, end: int) -> None:
    assert find_line(data, start, limit) == end


CONTENTS = [
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"...a\r\n.b\r\n.\r\n", b"..a\r\nb\r\n"),
    (b"a.\r\nb..\r\n.\r\n", b"a.\r\nb..\r\n"),
    # RFC 5321 2.3.8, 4.1.1.4: nothing but CRLF.CRLF ends it.
    (b"a\n.\n.\r\nb\r\n.\r\n", b"a\n.\n.\r\nb\r\n"),
    (b"a\r.\rb\r\n.\r\n", b"a\r.\rb\r\n"),
    (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
    (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
    (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
    (b"a\r\r\n.\r\n", b"a\r\r\n"),
    (b"a\r\n\r\n.\r\n", b"a\r\n\r\n"),
    (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n"),
]


def unstuffed(pieces: list[bytes]) -> tuple[bytes, bytes]:
    """The content in `pieces`, and what follows it."""
    unstuffer, content = Unstuffer(), b""
    for number, piece in enumerate(pieces):
        found, used = unstuffer.feed(piece)
        content += found
        if unstuffer.ended:
            return content, piece[used:] + b"".join(pieces[number + 1 :])
    raise AssertionError("no end")


@pytest.mark.parametrize(("wire", "content"), CONTENTS)
def test_dotted_content_in_any_pieces(wire: bytes, content: bytes) -> None:
    for behind in (b"", b"NOOP\r\n", b".\r\n"):
        data = wire + behind
        assert unstuffed([data]) == (content, behind)
        assert unstuffed([data[at : at + 1] for at in range(len(data))]) == (content, behind)
        for at in range(1, len(data)):
            assert unstuffed([data[:at], data[at:]]) == (content, behind)


@settings(max_examples=200)
@given(st.text(alphabet=".\r\na", max_size=30).map(str.encode), st.lists(st.integers(0, 40), max_size=6))
def test_pieces_change_nothing_and_stuffing_is_undone(content: bytes, cuts: list[int]) -> None:
    content += b"\r\n"
    stuffed = re.sub(rb"(\A|\r\n)\.", rb"\1..", content)
    wire = stuffed + b".\r\nrest"
    ends = sorted({min(cut, len(wire)) for cut in cuts} | {len(wire)})
    pieces = [wire[start:end] for start, end in zip([0, *ends], ends)]
    assert unstuffed(pieces) == (content, b"rest")
