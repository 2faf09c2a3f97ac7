"""LMTP conversations over the in-memory transport, into a real store."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pillarbox.net import driver
from pillarbox.net.memory import connect
from pillarbox.net.wheel import Wheel
from pillarbox.smtp.profile import LMTP, MX, RECIPIENT_LIMIT, SUBMISSION
from pillarbox.smtp.session import Session, refusal
from pillarbox.smtp.table import ROWS
from tests.delivery.office import ANN, BOB, HOST

Scene = Callable[..., None]

DELIVERED = b"250 2.1.5 <%s> Delivered"


async def bodies(talk: Any, account: int) -> list[bytes]:
    """What was filed, without the three fields put before it."""
    filed = await talk.office.filed(account)
    return [each.raw.split(b"+0000\r\n", 1)[1] for each in filed]


def test_hello_announces(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        assert await talk(b"LHLO other.test\r\n") == [
            b"250-mx.example.test",
            b"250-PIPELINING",
            b"250-8BITMIME",
            b"250-SMTPUTF8",
            b"250-ENHANCEDSTATUSCODES",
            b"250-CHUNKING",
            b"250-MT-PRIORITY",
            b"250 SIZE 104857600",
        ]

    scene(play)


def test_every_verb_of_the_profile_has_a_row() -> None:
    for profile in (LMTP, MX, SUBMISSION):
        assert profile.verbs <= {row.verb for row in ROWS}


@pytest.mark.parametrize("verb", [b"HELO", b"EHLO", b"NONSENSE", b"", b"EXPN x", b"TURN", b"XCLIENT"])
def test_what_lmtp_does_not_have(scene: Scene, verb: bytes) -> None:
    # RFC 2033 4.1: HELO and EHLO get 500.
    async def play(talk: Any) -> None:
        assert await talk(verb + b" client.test\r\n") == [b"500 5.5.1 There is no such command"]

    scene(play)


@pytest.mark.parametrize("pieces", [0, 1])
def test_a_delivery_to_several(scene: Scene, pieces: int) -> None:
    async def play(talk: Any) -> None:
        said = (
            b"MAIL FROM:<who@else.test> SIZE=30 BODY=8BITMIME\r\nRCPT TO:<ann@example.test>\r\n"
            b"RCPT TO:<nobody@example.test>\r\nRCPT TO:<bob+x@example.test>\r\nRCPT TO:<ann@example.test>\r\n"
            b"DATA\r\nSubject: \xe9\r\n\r\n..dot\r\n.\r\n"
        )
        assert await talk(said, pieces=pieces) == [
            b"250 2.1.0 Sender OK",
            b"250 2.1.5 Recipient OK",
            b"550 5.1.1 There is no such user here",
            b"250 2.1.5 Recipient OK",
            b"250 2.1.5 Recipient OK",
            b"354 Send the message, end with a dot on a line of its own",
            DELIVERED % b"ann@example.test",
            DELIVERED % b"bob+x@example.test",
            DELIVERED % b"ann@example.test",
        ]
        assert await bodies(talk, ANN) == await bodies(talk, BOB) == [b"Subject: \xe9\r\n\r\n.dot\r\n"]

    scene(play)


def test_trace_fields(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        await talk(b"DATA\r\nA: b\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert filed.raw.startswith(
            b"Return-Path: <who@else.test>\r\nDelivered-To: ann@example.test\r\n"
            b"Received: from client.test ([127.0.0.1])\r\n\tby mx.example.test with LMTP id X1\r\n"
        )

    scene(play)


@pytest.mark.parametrize(
    ("mail", "tls", "protocol"),
    [
        (b"MAIL FROM:<>", False, b"LMTP"),
        (b"MAIL FROM:<>", True, b"LMTPS"),
        (b"MAIL FROM:<> SMTPUTF8", False, b"UTF8LMTP"),
        (b"MAIL FROM:<> SMTPUTF8", True, b"UTF8LMTPS"),
    ],
)
def test_received_says_how(scene: Scene, mail: bytes, tls: bool, protocol: bytes) -> None:
    # RFC 3848, RFC 6531 4.3
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", mail=mail)
        await talk(b"DATA\r\n.\r\n")
        [filed] = await talk.office.filed(ANN)
        assert b" with " + protocol + b" id X1\r\n" in filed.raw
        assert filed.raw.startswith(b"Return-Path: <>\r\n")

    scene(play, tls=tls)


def test_data_without_recipients(scene: Scene) -> None:
    # RFC 2033 4.2
    async def play(talk: Any) -> None:
        await talk.start()
        assert await talk(b"RCPT TO:<nobody@example.test>\r\nDATA\r\n") == [
            b"550 5.1.1 There is no such user here",
            b"503 5.5.1 No recipient has been accepted",
        ]

    scene(play)


def test_sequence_errors(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        for said in (b"RCPT TO:<ann@example.test>\r\n", b"DATA\r\n"):
            assert await talk(said) == [b"503 5.5.1 There is no mail transaction: MAIL first"]
        await talk.start(b"ann@example.test")
        again = await talk(b"MAIL FROM:<>\r\n")
        assert again == [b"503 5.5.1 A mail transaction is going on: finish it or RSET"]
        assert await talk(b"RSET\r\nMAIL FROM:<>\r\n") == [b"250 2.0.0 OK", b"250 2.1.0 Sender OK"]

    scene(play)


def test_hello_comes_first_and_starts_anew(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        await talk(b"LHLO again.test\r\n")
        assert await talk(b"DATA\r\n") == [b"503 5.5.1 There is no mail transaction: MAIL first"]
        fresh = connect(Session(talk.session.service))
        await fresh.read_line()
        await fresh.send(b"MAIL FROM:<>\r\nNOOP\r\nLHLO a b\r\n")
        assert await fresh.read_line() == b"503 5.5.1 Say hello first\r\n"
        assert await fresh.read_line() == b"250 2.0.0 OK\r\n"
        assert (await fresh.read_line()).startswith(b"501 5.5.4 ")
        await fresh.disconnect()

    scene(play)


def test_small_talk(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        assert await talk(b"NOOP with words\r\nVRFY ann\r\nRSET\r\n") == [
            b"250 2.0.0 OK",
            b"252 2.1.5 Send some mail and see",
            b"250 2.0.0 OK",
        ]
        assert await talk(b"HELP bdat\r\n") == [b"214 2.0.0 BDAT <octets> [LAST]: then the octets"]
        assert len(await talk(b"HELP\r\n")) == len(LMTP.verbs)
        await talk.client.send(b"QUIT\r\n")
        assert await talk.client.read_all() == b"221 2.0.0 Good bye\r\n"

    scene(play)


# Lines


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"\n", b"MAIL FROM:<a@b>\n", b"NOOP\x00\r\n", b"NO\rOP\r\n", b"NOOP \xff\r\n"]
)
def test_lines_that_are_none(scene: Scene, line: bytes) -> None:
    async def play(talk: Any) -> None:
        [reply] = await talk(line)
        assert reply.startswith(b"500 5.5.2 ")

    scene(play)


def test_a_line_that_is_too_long(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        assert await talk(b"NOOP " + b"x" * 5_000_000 + b"\r\n") == [b"500 5.5.2 The line is too long"]

    scene(play)


def test_ten_thousand_pipelined_commands(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        replies = await talk(b"VRFY ann\r\n" * 10_000)
        assert replies == [b"252 2.1.5 Send some mail and see"] * 10_000

    scene(play)


def test_ten_thousand_pipelined_commands_and_nobody_reads(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        talk.client.stop_reading()
        for _ in range(20):
            await talk.client.send(b"HELP\r\n" * 10_000)
        assert talk.client.unsent < 2 * driver.JOIN + 1000
        assert not talk.client.read_ahead
        await talk.client.disconnect()

    scene(play)


# Addresses


def test_addresses_that_are_not_ascii_need_smtputf8(scene: Scene) -> None:
    # RFC 6531 3.5
    async def play(talk: Any) -> None:
        not_utf8 = b"553 5.6.7 The address is not ASCII, and MAIL did not say SMTPUTF8"
        assert await talk("MAIL FROM:<é@else.test>\r\n".encode()) == [not_utf8]
        await talk.start()
        assert await talk("RCPT TO:<用户@example.test>\r\n".encode()) == [not_utf8]
        await talk(b"RSET\r\n")
        await talk.start("用户@example.test".encode(), mail="MAIL FROM:<é@else.test> SMTPUTF8".encode())
        [reply] = (await talk(b"DATA\r\nA: b\r\n.\r\n"))[1:]
        assert reply == b"250 2.1.5 <??@example.test> Delivered"
        [filed] = await talk.office.filed(BOB)
        assert filed.raw.startswith(
            "Return-Path: <é@else.test>\r\nDelivered-To: 用户@example.test\r\n".encode()
        )

    scene(play)


def test_postmaster_needs_no_domain(scene: Scene) -> None:
    # RFC 5321 4.5.1
    async def play(talk: Any) -> None:
        await talk.start(b"PostMaster")
        await talk(b"DATA\r\n.\r\n")
        [filed] = await talk.office.filed(BOB)
        assert b"Delivered-To: postmaster@mx.example.test\r\n" in filed.raw

    scene(play)


def test_too_many_recipients(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(*(b"ann@example.test",) * RECIPIENT_LIMIT)
        assert await talk(b"RCPT TO:<bob@example.test>\r\n") == [
            b"452 4.5.3 Too many recipients for one message"
        ]

    scene(play)


# Sizes


def test_a_message_announced_as_too_big(scene: Scene) -> None:
    # RFC 1870 6.1
    async def play(talk: Any) -> None:
        assert await talk(b"MAIL FROM:<> SIZE=1001\r\n") == [b"552 5.3.4 The message is too big"]
        assert await talk(b"MAIL FROM:<> SIZE=1000\r\n") == [b"250 2.1.0 Sender OK"]

    scene(play, options={"limit": 1000})


def test_a_message_that_is_too_big_is_read_to_its_end(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", b"bob@example.test")
        replies = await talk(b"DATA\r\n" + b"x" * 998 + b"\r\n" + b"y\r\n" * 1000 + b".\r\n")
        assert replies[1:] == [
            b"552 5.3.4 <ann@example.test> The message is too big",
            b"552 5.3.4 <bob@example.test> The message is too big",
        ]
        await talk.start(b"ann@example.test")
        assert (await talk(b"DATA\r\n" + b"x" * 998 + b"\r\n.\r\n"))[1:] == [DELIVERED % b"ann@example.test"]

    scene(play, options={"limit": 1000})


def test_sixty_mebibytes(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        line = b"%05d " + b"0123456789abcdef" * 4 + b"\r\n"
        block = b"".join(line % n for n in range(100_000))
        count = 60 * 2**20 // len(block) + 1
        await talk.start(b"ann@example.test")
        await talk.client.send(b"DATA\r\nSubject: large\r\n\r\n")
        for _ in range(count):
            for at in range(0, len(block), 256 * 1024):
                await talk.client.send(block[at : at + 256 * 1024])
        assert await talk(b".\r\n") == [
            b"354 Send the message, end with a dot on a line of its own",
            DELIVERED % b"ann@example.test",
        ]
        [body] = await bodies(talk, ANN)
        assert body == b"Subject: large\r\n\r\n" + block * count

    scene(play)


# Content


@pytest.mark.parametrize(
    ("wire", "stored"),
    [
        (b"A: b\r\n\r\n\x00\xff\r\n", b"A: b\r\n\r\n\x00\xff\r\n"),
        (b"A: b\n\nx\n.\n\r\n", b"A: b\r\n\r\nx\r\n.\r\n\r\n"),
        (b"", b""),
        (b"..\r\n", b".\r\n"),
        (b"no header\r\n", b"no header\r\n"),
        (b"A: b\r\r\n\r\nx\ry\r\n", b"A: b\r\r\n\r\nx\ry\r\n"),
    ],
)
@pytest.mark.parametrize("pieces", [0, 1])
def test_content(scene: Scene, wire: bytes, stored: bytes, pieces: int) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        await talk(b"DATA\r\n" + wire + b".\r\n", pieces=pieces)
        assert await bodies(talk, ANN) == [stored]

    scene(play)


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"])
def test_nothing_but_crlf_dot_crlf_ends_data(scene: Scene, end: bytes) -> None:
    """SMTP smuggling: what another server passes on as content must not become a second message here."""

    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        smuggled = b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nevil"
        replies = await talk(b"DATA\r\nA: b\r\n\r\nx" + end + smuggled + b"\r\n.\r\n")
        assert replies[1:] == [DELIVERED % b"ann@example.test"]
        assert await bodies(talk, BOB) == []
        [body] = await bodies(talk, ANN)
        assert smuggled in body

    scene(play)


def test_a_disconnect_in_the_middle_leaves_nothing(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        await talk.client.send(b"DATA\r\nA: b\r\n\r\n" + b"x" * 300_000 + b"\r\n.\r")
        await talk.client.disconnect()
        assert await bodies(talk, ANN) == []

    scene(play)


def test_reset_in_the_middle_of_chunks_leaves_nothing(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        await talk(b"BDAT 10\r\n0123456789RSET\r\n")
        assert await talk(b"BDAT 1 LAST\r\nx") == []
        assert await bodies(talk, ANN) == []

    scene(play)


# BDAT


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_chunks(scene: Scene, pieces: int) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", b"bob@example.test")
        said = b"BDAT 6\r\nA: b\r\nBDAT 0\r\nBDAT 5\r\n\r\nx\n.BDAT 3 LAST\r\n\r\n\x00"
        assert await talk(said, pieces=pieces) == [
            b"250 2.0.0 6 octets so far",
            b"250 2.0.0 6 octets so far",
            b"250 2.0.0 11 octets so far",
            DELIVERED % b"ann@example.test",
            DELIVERED % b"bob@example.test",
        ]
        assert await bodies(talk, ANN) == await bodies(talk, BOB) == [b"A: b\r\n\r\nx\r\n.\r\n\x00"]

    scene(play)


def test_an_empty_last_chunk(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        assert (await talk(b"BDAT 4\r\nA: bBDAT 0 LAST\r\n"))[1:] == [DELIVERED % b"ann@example.test"]
        await talk.start(b"ann@example.test")
        assert await talk(b"BDAT 0 LAST\r\n") == [DELIVERED % b"ann@example.test"]
        assert await bodies(talk, ANN) == [b"A: b", b""]

    scene(play)


def test_chunks_for_nobody_are_read_and_forgotten(scene: Scene) -> None:
    # RFC 3030 2: the octets are always taken. RFC 2033 4.3: without a recipient BDAT LAST has no reply.
    async def play(talk: Any) -> None:
        nothing = b"503 5.5.1 BDAT needs a sender and a recipient first"
        assert await talk(b"BDAT 6\r\nQUIT\r\n") == [nothing]
        await talk.start()
        assert await talk(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n") == [nothing]
        assert await talk(b"MAIL FROM:<>\r\n") == [b"250 2.1.0 Sender OK"]

    scene(play)


def test_no_chunk_after_the_last(scene: Scene) -> None:
    # RFC 3030 2
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        replies = await talk(b"BDAT 1 LAST\r\nxBDAT 1 LAST\r\ny")
        assert replies[1:] == [b"503 5.5.1 BDAT needs a sender and a recipient first"]

    scene(play)


def test_chunks_and_data_do_not_mix(scene: Scene) -> None:
    # RFC 3030 2
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test")
        chunks = b"503 5.5.1 Content is coming by BDAT: finish it or RSET"
        replies = await talk(b"BDAT 1\r\nxDATA\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\n")
        assert replies[1:] == [chunks] * 3
        assert await talk(b"BDAT 0 LAST\r\n") == [DELIVERED % b"ann@example.test"]

    scene(play)


def test_chunks_that_are_too_big(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        await talk.start(b"ann@example.test", b"bob@example.test")
        said = b"BDAT 600\r\n" + b"x" * 600 + b"BDAT 600\r\n" + b"x" * 600
        assert await talk(said) == [b"250 2.0.0 600 octets so far", b"552 5.3.4 The message is too big"]
        replies = await talk(b"BDAT 600\r\n" + b"x" * 600 + b"BDAT 1 LAST\r\nx")
        assert replies == [
            b"552 5.3.4 The message is too big",
            b"552 5.3.4 <ann@example.test> The message is too big",
            b"552 5.3.4 <bob@example.test> The message is too big",
        ]

    scene(play, options={"limit": 1000})


# Trouble


def test_a_bug_costs_one_reply(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        def broken(address: str) -> None:
            raise RuntimeError("bug")

        resolve, talk.office.delivery.resolve = talk.office.delivery.resolve, broken
        await talk.start()
        assert await talk(b"RCPT TO:<ann@example.test>\r\n") == [
            b"451 4.3.0 Something went wrong here, try again later"
        ]
        assert [str(error) for error in talk.office.errors] == ["bug"]
        talk.office.errors.clear()
        talk.office.delivery.resolve = resolve
        assert await talk(b"RCPT TO:<ann@example.test>\r\n") == [b"250 2.1.5 Recipient OK"]

    scene(play)


def test_silence(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        clock = [0.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        client = connect(Session(talk.session.service), wheel=wheel)
        await client.read_line()
        clock[0] += 302
        wheel.turn()
        assert await client.read_all() == b"421 4.4.2 mx.example.test has waited long enough\r\n"
        wheel.stop()

    scene(play)


def test_stopping_waits_for_the_transaction(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        idle = connect(Session(talk.session.service))
        await idle.read_line()
        idle.driver.drain()
        down = b"421 4.3.2 mx.example.test is shutting down\r\n"
        assert await idle.read_all() == down
        for end in (b"DATA\r\nA: b\r\n.\r\n", b"RSET\r\n"):
            busy = connect(Session(talk.session.service))
            await busy.send(b"LHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\n")
            await busy.read_until(b"Recipient OK\r\n")
            busy.driver.drain()
            assert busy.read_now() == b""
            await busy.send(end)
            text = await busy.read_all()
            assert text.endswith(down)
            assert text.count(b"\r\n") == (3 if end.startswith(b"DATA") else 2)
        assert await bodies(talk, ANN) == [b"A: b\r\n"]

    scene(play)


def test_the_refusal() -> None:
    assert refusal(HOST) == b"421 4.3.2 mx.example.test has too many connections, try again later\r\n"


# TLS


def test_starttls(scene: Scene) -> None:
    # RFC 3207
    async def play(talk: Any) -> None:
        await talk.client.send(b"STARTTLS\r\nMAIL FROM:<injected@else.test>\r\n")
        assert await talk.client.read_line() == b"220 2.0.0 Begin the TLS handshake\r\n"
        await asyncio.sleep(0.01)
        # RFC 3207 4.2: what was said before does not count.
        assert await talk(b"MAIL FROM:<>\r\n") == [b"503 5.5.1 Say hello first"]
        replies = await talk(b"LHLO client.test\r\nSTARTTLS\r\n")
        assert b"250 STARTTLS" not in replies
        assert replies[-1] == b"503 5.5.1 TLS is on already"

    scene(play, starttls=True)


def test_no_starttls_without_a_certificate(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        assert await talk(b"STARTTLS\r\n") == [b"503 5.5.1 There is no TLS here"]

    scene(play)


def test_sessions_side_by_side(scene: Scene) -> None:
    async def play(talk: Any) -> None:
        async def one(number: int) -> None:
            client = connect(Session(talk.session.service))
            await client.send(b"LHLO c.test\r\n")
            for turn in range(10):
                await client.send(
                    b"MAIL FROM:<>\r\nRCPT TO:<%s@example.test>\r\nDATA\r\nSubject: %d.%d\r\n\r\n.\r\n"
                    % (b"ann" if number % 2 else b"bob", number, turn)
                )
                await client.read_until(b"Delivered\r\n")
            await client.send(b"QUIT\r\n")
            await client.read_all()

        await asyncio.gather(*map(one, range(8)))
        subjects = [*await bodies(talk, ANN), *await bodies(talk, BOB)]
        assert sorted(subjects) == sorted(
            b"Subject: %d.%d\r\n\r\n" % (number, turn) for number in range(8) for turn in range(10)
        )

    scene(play)
