"""What a peer may do wrong. Each time: the right answer, nothing lost, nobody else disturbed."""

from __future__ import annotations

import asyncio
import base64

import pytest

from pillarbox.imap import settings as imap_settings
from pillarbox.net.session import Peer
from pillarbox.store import turns
from tests.imap.conftest import Imap, Play, World

MAIL = b"Subject: one\r\n\r\nbody\r\n"


async def alive(user: Imap) -> None:
    """The connection still understands and is understood."""
    assert await user.status(b"NOOP") == b"OK NOOP completed"


def test_unknown_commands_and_wrong_states(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect()
        await user.greeting()
        assert await user.status(b"XYZZY") == b"BAD There is no command XYZZY"
        assert await user.status(b" NOOP") == b"BAD A command name expected at octet 4 of the command"
        assert (await user.status(b"SELECT INBOX")).startswith(b"BAD ")
        assert (await user.status(b"FETCH 1 FLAGS")).startswith(b"BAD ")
        await user.ok(b"LOGIN ada secret")
        assert (await user.status(b"LOGIN ada secret")).startswith(b"BAD ")
        assert (await user.status(b"FETCH 1 FLAGS")).startswith(b"BAD ")
        await user.client.send(b"\r\n")
        assert (await user.client.read_line()).startswith(b"* BAD ")
        await user.client.send(b"tag\r\n")
        assert (await user.client.read_line()).startswith(b"tag BAD ")
        await alive(user)

    play(script)


def test_strangers_who_do_not_speak_imap_are_sent_away(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect()
        await user.greeting()
        await user.client.send(b"GET / HTTP/1.1\r\n" * 20)
        said = (await user.client.read_all()).splitlines()
        assert len(said) == imap_settings.MAX_BAD_BEFORE_LOGIN + 1
        assert said[-1].startswith(b"* BYE ")

    play(script)


def test_wrong_password(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect()
        await user.greeting()
        unknown = await user.status(b"LOGIN bob secret")
        wrong = await user.status(b"LOGIN ada guess")
        assert unknown == wrong and wrong.startswith(b"NO [AUTHENTICATIONFAILED] ")
        bad = base64.b64encode(b"\0ada\0guess")
        assert (await user.status(b"AUTHENTICATE PLAIN " + bad)) == wrong
        await user.ok(b"LOGIN ada secret")
        other = world.connect()
        await other.greeting()
        for _ in range(imap_settings.MAX_FAILED_LOGINS):
            await other.send(b"LOGIN ada guess")
        assert b"* BYE " in await other.client.read_all()

    play(script)


def test_no_password_without_tls(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect(peer=Peer("192.0.2.1", 4000))
        assert b"LOGINDISABLED" in await user.greeting()
        assert (await user.status(b"LOGIN ada secret")).startswith(b"NO [PRIVACYREQUIRED] ")
        assert (await user.status(b"AUTHENTICATE PLAIN")).startswith(b"NO [PRIVACYREQUIRED] ")
        assert b" OK " in await user.do(b"STARTTLS")
        lines = await user.ok(b"CAPABILITY")
        assert b"STARTTLS" not in lines[0] and b"AUTH=PLAIN" in lines[0]
        await user.ok(b"LOGIN ada secret")

    play(script)


def test_what_follows_starttls_in_clear_is_forgotten(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect()
        await user.greeting()
        await user.client.send(b"a STARTTLS\r\nb LOGIN ada secret\r\n")
        assert (await user.client.read_line()).startswith(b"a OK ")
        assert (await user.status(b"SELECT INBOX")).startswith(b"BAD ")

    play(script)


def test_octets_that_no_line_may_hold(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for line in (b"a NO\0OP", b"a NOOP\r", b"a SELECT IN\rBOX", b'a SELECT "IN\0BOX"'):
            await user.client.send(line + b"\r\n")
            assert (await user.client.read_line()).startswith(b"a BAD "), line
        await user.client.send(b"a NOOP\n")
        assert (await user.client.read_line()).startswith(b"a BAD ")
        await user.client.send(b"a IDLE\r\n")
        assert (await user.client.read_line()).startswith(b"+ ")
        await user.client.send(b"DONE\n")
        assert (await user.client.read_line()).startswith(b"a BAD ")
        await user.client.send(b"a STATUS {5+}\nINBOX (MESSAGES)\r\n")
        assert (await user.client.read_line()).startswith(b"a BAD ")
        await user.client.send(b"a STATUS {5+}\r\nIN\0OX (MESSAGES)\r\n")
        assert (await user.client.read_line()).startswith(b"a BAD ")
        await alive(user)

    play(script)


def test_names_in_no_known_spelling(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for name in (b"&", b"&AAA", b"&AGE-", b'"\xc3\xa9"', b"{2+}\r\n\xc3\xa9"):
            assert (await user.status(b"CREATE " + name)).startswith(b"BAD "), name
        modern = await world.user(b"IMAP4rev2")
        assert (await modern.status(b'CREATE "\xff\xfe"')).startswith(b"BAD ")
        await modern.ok(b'CREATE "\xc3\xa9"')
        assert b'* LIST (\\HasNoChildren) "/" &AOk-' in await user.ok(b'LIST "" *')

    play(script)


def test_a_line_over_the_limit_ends_the_connection(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        bystander = await world.user()
        await user.client.send(b"a SEARCH " + b"x" * 70_000)
        said = await user.client.read_all()
        assert said.startswith(b"* BYE ")
        await alive(bystander)

    play(script)


def test_a_literal_over_the_limit_is_never_asked_for(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(b"CREATE {70000}")).startswith(b"BAD [TOOBIG] ")
        assert (await user.status(b"APPEND INBOX {1001}")).startswith(b"NO [TOOBIG] ")
        assert (await user.status(b"APPEND nowhere {1000}")).startswith(b"NO [TRYCREATE] ")
        assert (await user.status(b"APPEND nowhere {1000}")).startswith(b"NO [TRYCREATE] ")
        await alive(user)

    play(script, append_limit=1000)


def test_a_literal_over_the_limit_that_comes_anyway_is_dropped(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        evil = b"a LOGOUT\r\n" * 150
        for command, expected in (
            (b"APPEND INBOX {1500+}\r\n", b"NO [TOOBIG] "),
            (b"APPEND nowhere {1500+}\r\n", b"NO [TRYCREATE] "),
            (b"APPEND INBOX nonsense {1500+}\r\n", b"BAD "),
            (b"XYZZY {1500+}\r\n", b"BAD "),
        ):
            assert (await user.status(command + evil)).startswith(expected), command
        # One message too large takes the others with it (RFC 3502 6.3.11).
        answer = await user.status(b"APPEND INBOX {3+}\r\na:b {1500+}\r\n" + b"x" * 1500)
        assert answer.startswith(b"NO [TOOBIG] ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
        await user.send(b"APPEND INBOX {2001+}")
        assert (await user.client.read_all()).startswith(b"* BYE [TOOBIG] ")

    play(script, append_limit=1000)


def test_before_login_literals_are_small(play: Play) -> None:
    async def script(world: World) -> None:
        user = world.connect()
        await user.greeting()
        assert (await user.status(b"LOGIN {4097}")).startswith(b"BAD [TOOBIG] ")
        assert (await user.status(b"LOGIN {5000+}\r\n" + b"x" * 5000 + b" y")).startswith(b"BAD [TOOBIG] ")
        await user.send(b"LOGIN {9000+}")
        assert b"* BYE [TOOBIG] " in await user.client.read_all()
        many = world.connect()
        await many.greeting()
        command = b"LOGIN" + b" {2000+}\r\n" + b"x" * 2000 + b" {2097+}\r\n" + b"x" * 2097
        assert (await many.status(command)).startswith(b"BAD [TOOBIG] ")

    play(script)


def test_going_away_in_the_middle_of_a_literal(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.send(b"APPEND INBOX {100000}")
        assert (await user.client.read_line()).startswith(b"+ ")
        await user.client.send(b"x" * 50_000)
        await user.client.disconnect()
        other = await world.user()
        assert await other.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
        assert not list((world.store.data / "spool").iterdir())

    play(script)


def test_ten_thousand_commands_at_once(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.client.send(b"".join(b"n%d NOOP\r\n" % number for number in range(10_000)))
        for number in range(10_000):
            assert await user.client.read_line() == b"n%d OK NOOP completed\r\n" % number

    play(script)


def test_a_client_that_never_reads_costs_a_buffer(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        mail = MAIL + b"x" * 20_000 + b"\r\n"
        for _ in range(50):
            assert (await user.append(mail)).startswith(b"OK ")
        user.client.stop_reading()
        for _ in range(200):
            await user.send(b"FETCH 1:* BODY.PEEK[]")
        bystander = await world.user()
        for _ in range(20):
            await alive(bystander)
        assert user.client.unsent < 512 * 1024  # of 200 MB
        user.client.start_reading()
        answers = 0
        while answers < 200:
            line = await user.client.read_line()
            answers += b" OK FETCH" in line

    play(script)


def test_pushing_waits_for_a_client_that_does_not_read(play: Play) -> None:
    async def script(world: World) -> None:
        idler = await world.user(select=b"INBOX")
        tag = await idler.send(b"IDLE")
        assert (await idler.client.read_line()).startswith(b"+ ")
        other = await world.user()
        assert (await other.append(MAIL)).startswith(b"OK ")
        assert await idler.client.read_line() == b"* 1 EXISTS\r\n"
        assert await idler.client.read_line() == b"* 1 RECENT\r\n"
        await idler.client.send(b"DONE\r\n")
        assert b" OK IDLE" in await idler.answer(tag)

    play(script)


def test_a_message_of_nothing_and_one_of_nul(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert (await user.append(b"")).startswith(b"OK ")
        assert (await user.append(b"a:\0\r\n\r\nx\0y")).startswith(b"OK ")
        assert (await user.status(b"APPEND INBOX ~{11+}\r\na:b\r\n\r\nx\0y\0")).startswith(b"OK ")
        assert await user.ok(b"FETCH 1 (RFC822.SIZE BODY.PEEK[])") == [
            b"* 1 FETCH (RFC822.SIZE 0 BODY[] {0}",
            b")",
        ]
        answer = await user.do(b"FETCH 2 (BODY.PEEK[] BINARY.PEEK[])")
        assert b"{10}\r\na:\x80\r\n\r\nx\x80y" in answer and b"~{10}\r\na:\0\r\n\r\nx\0y" in answer
        for number in (1, 2, 3):
            await user.ok(b"FETCH %d (ENVELOPE BODYSTRUCTURE PREVIEW)" % number)
        await user.ok(b"SEARCH TEXT x")

    play(script)


def test_a_message_of_sixty_mebibytes(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        block = bytes(range(32, 96)) * 1023 + b"\r\n"
        mail = MAIL + block * (60 * 1024 * 1024 // len(block))
        tag = await user.send(b"APPEND INBOX {%d}" % len(mail))
        assert (await user.client.read_line()).startswith(b"+ ")
        for start in range(0, len(mail), 1 << 20):
            await user.client.send(mail[start : start + (1 << 20)])
        await user.client.send(b"\r\n")
        assert b" OK [APPENDUID " in await user.answer(tag)
        await user.ok(b"NOOP")
        answer = await user.do(b"FETCH 1 BODY.PEEK[]")
        assert mail in answer
        assert await user.ok(b"FETCH 1 (RFC822.SIZE BODY.PEEK[]<62000000.20>)") == [
            b"* 1 FETCH (RFC822.SIZE %d BODY[]<62000000> {20}" % len(mail),
            mail[62_000_000:62_000_020] + b")",
        ]
        assert await user.ok(b"SEARCH BODY nowhere") == [b"* SEARCH"]

    play(script)


def test_ten_thousand_parts_and_a_thousand_levels(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        part = b"--b\r\n\r\nx\r\n"
        wide = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part * 10_001 + b"--b--\r\n"
        deep = b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level)
            for level in range(1000)
        )
        nested = b"Content-Type: message/rfc822\r\n\r\n" * 1000
        for mail in (wide, deep, nested):
            assert (await user.append(mail)).startswith(b"OK ")
        await user.ok(b"FETCH 1:* (ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[1.1.1.1.MIME])")
        await user.ok(b"FETCH 1:* (BINARY.SIZE[1] BODY.PEEK[10000])")
        assert await user.ok(b"SEARCH BODY x") == [b"* SEARCH 1"]
        assert (await user.do(b"FETCH 2 BODY.PEEK[]")).count(deep) == 1

    play(script)


def test_a_fault_of_ours_is_told_and_the_connection_lives(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()

        async def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("a bug")

        read, world.store.read = world.store.read, broken  # type: ignore[method-assign]
        assert (await user.status(b'LIST "" *')).startswith(b"NO [SERVERBUG] ")
        assert b"trace1" in (await user.status(b"STATUS INBOX (MESSAGES)")).replace(b"trace2", b"trace1")
        world.store.read = read  # type: ignore[method-assign]
        world.expected_bugs = 2
        await alive(user)

    play(script)


def test_a_long_search_lets_others_work(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by the clock, which a busy machine stops in one and lets run in the other: whoever asks has a turn.
    monkeypatch.setattr(turns, "SLICE", 0.0)

    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        mail = MAIL + b"lorem ipsum dolor\r\n" * 5000
        for _ in range(60):
            assert (await user.append(mail)).startswith(b"OK ")
        bystander = await world.user()
        tag = await user.send(b"SEARCH BODY nothing")
        answered = 0
        while tag not in user.client.read_now():
            await alive(bystander)
            answered += 1
            await asyncio.sleep(0)
        assert answered > 20, answered

    play(script)
