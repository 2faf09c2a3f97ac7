"""Replies as bytes."""

import pytest

from pillarbox.smtp.wire.reply import Reply, encode, reply


@pytest.mark.parametrize(
    ("said", "wire"),
    [
        (reply(250, "2.1.0", "Sender OK"), b"250 2.1.0 Sender OK\r\n"),
        (reply(354, "", "Go on"), b"354 Go on\r\n"),
        (reply(250, "", "host", "SIZE 1", "HELP"), b"250-host\r\n250-SIZE 1\r\n250 HELP\r\n"),
        (reply(214, "2.0.0", "a", "b"), b"214-2.0.0 a\r\n214 2.0.0 b\r\n"),
        (reply(550, "5.1.1", "no\r\n250 injected é"), b"550 5.1.1 no??250 injected ?\r\n"),
    ],
)
def test_encode(said: Reply, wire: bytes) -> None:
    assert encode(said) == wire


def test_no_line_is_longer_than_the_rfc_allows() -> None:
    # RFC 5321 4.5.3.1.5
    assert len(encode(reply(550, "5.1.1", "x" * 5000))) <= 512
