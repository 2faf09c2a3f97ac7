"""How a message is sent: whole, cut anywhere, and as strict and careless clients read it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.pop3.wire.content import encode_content

CASES = [
    (b"", b".\r\n"),
    (b"\r\n", b"\r\n.\r\n"),
    (b"\n", b"\r\n.\r\n"),
    (b"\r", b"\r\r\n.\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b"a\n", b"a\r\n.\r\n"),
    (b"a\r", b"a\r\r\n.\r\n"),
    (b".", b"..\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b"..\r\n", b"...\r\n.\r\n"),
    (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\n.\nb\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\n.\r\n+OK forged\r\n", b"a\r\n..\r\n+OK forged\r\n.\r\n"),
    (b"a\r.\rb\r\n", b"a\r.\rb\r\n.\r\n"),
    (b"a\r\r\n.b", b"a\r\r\n..b\r\n.\r\n"),
    (b"\r\n\r\n\n\r", b"\r\n\r\n\r\n\r\r\n.\r\n"),
    (b"a\0b\r\n", b"a\x80b\r\n.\r\n"),
    (b"x.y.\r\nz.\r\n", b"x.y.\r\nz.\r\n.\r\n"),
]


@pytest.mark.parametrize(("raw", "sent"), CASES)
def test_whole_and_split_at_every_octet(raw: bytes, sent: bytes) -> None:
    assert b"".join(encode_content([raw])) == sent
    assert b"".join(encode_content(raw[at : at + 1] for at in range(len(raw)))) == sent
    for at in range(len(raw)):
        assert b"".join(encode_content([raw[:at], b"", raw[at:]])) == sent


def read(sent: bytes, end: bytes) -> tuple[bytes, bytes]:
    """What a client has read that splits at `end`, and what it takes for the next answer."""
    content = b""
    while True:
        line, found, sent = sent.partition(end)
        assert found, "no end"
        if line.rstrip(b"\r") == b".":
            return content, sent
        content += line.removeprefix(b".") + found


pieces = st.lists(st.text("\r\n.a\0", max_size=6).map(str.encode), max_size=8)


@settings(max_examples=300)
@given(pieces)
def test_clients_that_split_at_crlf_and_at_lf_read_the_same(raw: list[bytes]) -> None:
    sent = b"".join(encode_content(raw)) + b"+OK the next\r\n"
    strict, careless = read(sent, b"\r\n"), read(sent, b"\n")
    assert strict == careless
    assert strict[1] == b"+OK the next\r\n"
    assert sent == b"".join(encode_content([b"".join(raw)])) + b"+OK the next\r\n"


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=20).map(lambda line: line.translate(None, b"\r\n\0")), min_size=1))
def test_a_message_with_correct_lines_comes_octet_for_octet(lines: list[bytes]) -> None:
    raw = b"".join(line + b"\r\n" for line in lines)
    assert read(b"".join(encode_content([raw])), b"\r\n") == (raw, b"")
