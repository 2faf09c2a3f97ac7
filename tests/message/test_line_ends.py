"""Bare LF becomes CRLF, however the text is cut in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.message.line_ends import to_crlf


def test_line_ends() -> None:
    assert b"".join(to_crlf([b"a\nb\r\nc\rd\n\n"])) == b"a\r\nb\r\nc\rd\r\n\r\n"
    assert b"".join(to_crlf([b"a\r", b"\nb\r", b"", b"c\r", b"\r", b"\n"])) == b"a\r\nb\rc\r\r\n"
    assert list(to_crlf([b"", b""])) == []


@given(st.lists(st.binary(max_size=8) | st.text("a\r\n", max_size=6).map(str.encode), max_size=8))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert b"".join(to_crlf(pieces)) == expected
    assert b"".join(to_crlf([expected])) == expected
