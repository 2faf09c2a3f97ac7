"""SMTP as other servers speak it, over the in-memory transport, into a real store."""

from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.smtp.profile import MAX_BAD, MX
from tests.delivery.office import ANN, BOB

Scene = Callable[..., None]
TAKEN = b"250 2.1.5 Taken as X1"


def test_hello_announces(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        said = await talk(b"EHLO other.test\r\n")
        assert said[0] == b"250-mx.example.test"
        assert {line[4:] for line in said[1:]} >= {
            b"PIPELINING",
            b"8BITMIME",
            b"SMTPUTF8",
            b"ENHANCEDSTATUSCODES",
            b"CHUNKING",
            b"BINARYMIME",
            b"LIMITS RCPTMAX=1000",
            b"SIZE 104857600",
        }
        assert not any(line[4:].startswith((b"AUTH", b"REQUIRETLS")) for line in said)
        assert await talk(b"HELO other.test\r\n") == [b"250 mx.example.test"]

    scene(play, profile=MX)


@pytest.mark.parametrize("line", [b"LHLO a.test", b"AUTH PLAIN", b"TURN"])
def test_what_it_does_not_have(scene: Scene, line: bytes) -> None:
    async def play(talk: Any) -> None:
        assert await talk(line + b"\r\n") == [b"500 5.5.1 There is no such command"]

    scene(play, profile=MX)


def test_one_answer_for_several(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", b"bob@example.test")
        assert await talk(b"DATA\r\nA: b\r\n\r\nc\r\n.\r\n") == [
            b"354 Send the message, end with a dot on a line of its own",
            TAKEN,
        ]
        for account in (ANN, BOB):
            [filed] = await talk.office.filed(account)
            assert filed.raw.startswith(b"Return-Path: <who@else.test>\r\nDelivered-To: ")
            assert b"with ESMTP id X1\r\n" in filed.raw
            assert filed.raw.endswith(b"A: b\r\n\r\nc\r\n")

    scene(play, profile=MX)


def test_received_says_smtp_after_helo(scene: Scene) -> None:
    # RFC 5321 4.4, RFC 3848
    async def play(talk: Any) -> None:
        await talk(b"HELO old.test\r\n")
        await talk.start(b"ann@example.test", mail=b"MAIL FROM:<>")
        await talk(b"DATA\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert filed.raw.startswith(b"Return-Path: <>\r\n")
        assert b"from old.test ([127.0.0.1])\r\n\tby mx.example.test with SMTP id X1" in filed.raw

    scene(play, profile=MX)


def test_nobody_and_postmaster(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"Postmaster")
        assert await talk(b"RCPT TO:<nobody@example.test>\r\nVRFY ann\r\nEXPN all\r\n") == [
            b"550 5.1.1 There is no such user here",
            b"252 2.1.5 Send some mail and see",
            b"502 5.5.1 Lists are not told here",
        ]

    scene(play, profile=MX)


@pytest.mark.parametrize(
    "inner",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n"],
)
@pytest.mark.parametrize("pieces", [0, 1])
def test_no_message_is_smuggled(scene: Scene, inner: bytes, pieces: int) -> None:
    # RFC 5321 4.1.1.4: nothing but CRLF "." CRLF ends a message.
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        smuggled = b"MAIL FROM:<evil@else.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx: y\r\n"
        said = await talk(b"DATA\r\nA: b\r\n\r\nc" + inner + smuggled + b"\r\n.\r\n", pieces=pieces)
        assert said[1:] == [TAKEN]
        [filed] = await talk.office.filed(ANN)
        assert b"evil@else.test" in filed.raw
        assert await talk.office.filed(BOB) == []
        bare = filed.raw.replace(b"\r\n", b"")
        assert b"\n" not in bare  # a bare LF is stored as CRLF, so that it means one thing to everybody

    scene(play, profile=MX)


def test_binary_content_is_kept_octet_for_octet(scene: Scene) -> None:
    # RFC 3030 3
    async def play(talk: Any) -> None:
        content = b"A: b\r\n\r\n\n\r\x00\r\n.\r\n\xff\n"
        await talk.start(b"ann@example.test", mail=b"MAIL FROM:<who@else.test> BODY=BINARYMIME")
        assert await talk(b"DATA\r\n") == [b"503 5.5.1 What is BINARYMIME comes by BDAT"]
        await talk(b"BDAT %d LAST\r\n%s" % (len(content), content))
        [filed] = await talk.office.filed(ANN)
        assert filed.raw.endswith(content)

    scene(play, profile=MX)


def test_a_hundred_hops_are_a_loop(scene: Scene) -> None:
    # RFC 5321 6.3
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        said = await talk(b"DATA\r\n" + b"Received: from a by b\r\n" * 101 + b"\r\n.\r\n")
        assert said[1:] == [b"554 5.4.6 Too many hops: the message is going round in circles"]

    scene(play, profile=MX)


def test_who_cannot_speak_smtp_is_sent_away(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.client.send(b"GET / HTTP/1.1\r\n" * MAX_BAD)
        assert (await talk.client.read_all()).endswith(b"421 4.7.0 Too many bad commands\r\n")

    scene(play, profile=MX)
