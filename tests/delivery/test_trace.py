"""The fields before a message."""

import re

import pytest

from pillarbox.delivery import trace
from pillarbox.delivery.envelope import Envelope, Origin

AT = 1_800_000_000.25


def made(origin: Origin | None, sender: str = "who@else.test") -> bytes:
    return trace.fields(Envelope(sender, (), "X1", origin), "ann@example.test", "mx.example.test", AT)


def test_over_tcp() -> None:
    # RFC 5321 4.4
    assert made(Origin("client.test", "192.0.2.7", "LMTP")) == (
        b"Return-Path: <who@else.test>\r\n"
        b"Delivered-To: ann@example.test\r\n"
        b"Received: from client.test ([192.0.2.7])\r\n"
        b"\tby mx.example.test with LMTP id X1\r\n"
        b"\tfor <ann@example.test>; Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("origin", "received"),
    [
        (
            Origin("[IPv6:::1]", "::1", "LMTP"),
            b"from [IPv6:::1] ([IPv6:::1]) by mx.example.test with LMTP id X1 ",
        ),
        (Origin("c", "", "LMTP"), b"from c by mx.example.test with LMTP id X1 "),
        (
            Origin("c", "192.0.2.7", "UTF8LMTPS", "TLSv1.3 AES"),
            b"from c ([192.0.2.7]) by mx.example.test with UTF8LMTPS (TLSv1.3 AES) id X1 ",
        ),
        (None, b"by mx.example.test id X1 "),
    ],
)
def test_received(origin: Origin | None, received: bytes) -> None:
    unfolded = re.sub(rb"\r\n\t", b" ", made(origin))
    assert b"\r\nReceived: " + received + b"for <" in unfolded


def test_a_bounce_has_an_empty_return_path() -> None:
    assert made(None, sender="").startswith(b"Return-Path: <>\r\n")
