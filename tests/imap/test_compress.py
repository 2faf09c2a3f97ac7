"""COMPRESS and UNAUTHENTICATE, with everything that may be under way around them."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from pillarbox.model.actors import SERVER
from pillarbox.store import mailboxes, messages
from tests.imap.conftest import ACCOUNT, Imap, World

LETTER = b"Subject: one\r\n\r\nhello\r\n"


async def compressed(world: World, *, select: bytes = b"") -> Imap:
    user = await world.user()
    assert (await user.status(b"COMPRESS DEFLATE")).startswith(b"OK ")
    user.client.start_compress()
    if select:
        await user.ok(b"SELECT " + select)
    return user


async def deliver(world: World) -> None:
    staging = world.store.staging()
    await staging.write(LETTER)
    inbox = await world.store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")
    await world.store.write(ACCOUNT, messages.append, SERVER, inbox.id, await staging.finish())


@pytest.mark.parametrize("pieces", [0, 1])
def test_a_session_compressed(play: Any, pieces: int) -> None:
    async def script(world: World) -> None:
        user = await compressed(world)
        stream = b"a APPEND INBOX {%d+}\r\n%b\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\n" % (
            len(LETTER),
            LETTER,
        )
        await user.client.send(stream, pieces=pieces)
        assert b"APPENDUID" in await user.answer(b"a")
        assert b"* 1 EXISTS" in await user.answer(b"b")
        assert LETTER in await user.answer(b"c")

    play(script)


def test_ten_thousand_commands_in_one_block(play: Any) -> None:
    async def script(world: World) -> None:
        user = await compressed(world)
        await user.client.send(b"".join(b"n%d NOOP\r\n" % n for n in range(10_000)))
        answer = await user.client.read_until(b"n9999 OK NOOP completed\r\n")
        assert answer.splitlines() == [b"n%d OK NOOP completed" % n for n in range(10_000)]

    play(script)


def test_idle_pushes_after_a_long_rest(play: Any) -> None:
    async def script(world: World) -> None:
        user = await compressed(world, select=b"INBOX")
        tag = await user.send(b"IDLE")
        assert await user.client.read_line() == b"+ idling\r\n"
        for number in (1, 2, 3):
            compression = user.client.driver._compression
            assert compression is not None
            compression.overdue(compression.used + 60)
            assert compression._inflater._zlib is None
            await deliver(world)
            assert await user.client.read_until(b"EXISTS\r\n") == b"* %d EXISTS\r\n" % number
            assert b"RECENT" in await user.client.read_line()
        await user.client.send(b"DONE\r\n")
        assert b" OK " in await user.answer(tag)

    play(script)


def test_a_bomb_is_an_overlong_line_or_a_message_that_is_too_big(play: Any) -> None:
    async def script(world: World) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        zeros = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64))
        zeros += packer.flush(zlib.Z_SYNC_FLUSH)
        line = await compressed(world)
        line.client.stop_compress()
        await line.client.send(zeros)
        assert (await line.client.read_all()).startswith(b"* BYE [LIMIT] ")
        message = await compressed(world)
        await message.client.send(b"a APPEND INBOX {1000000000+}\r\n")
        assert (await message.client.read_all()).startswith(b"* BYE [TOOBIG] ")

    play(script, append_limit=1_000_000)


def test_a_stream_cut_in_a_message_stores_nothing(play: Any) -> None:
    async def script(world: World) -> None:
        user = await compressed(world)
        await user.client.send(b"a APPEND INBOX {1000+}\r\n" + b"x" * 500)
        user.client.stop_compress()
        await user.client.send(b"\xff\xff\xff\xff")
        assert await user.client.read_all() == b""
        other = await world.user()
        assert await other.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    play(script)


def test_it_is_not_offered_while_it_is_on(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert b" COMPRESS=DEFLATE " in (await user.ok(b"CAPABILITY"))[0]
        user = await compressed(world)
        assert b"COMPRESS" not in (await user.ok(b"CAPABILITY"))[0]
        assert (await user.status(b"COMPRESS DEFLATE")).startswith(b"BAD ")
        assert (await user.status(b"NOOP")).startswith(b"OK ")

    play(script)


@pytest.mark.parametrize("finish", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("pieces", [0, 1])
def test_unauthenticate_ends_compression_in_both_directions(play: Any, finish: int, pieces: int) -> None:
    async def script(world: World) -> None:
        user = await compressed(world, select=b"INBOX")
        deflater = user.client._deflater
        assert deflater is not None
        said = deflater.compress(b"u UNAUTHENTICATE\r\n") + deflater.flush(finish)
        user.client.stop_compress()
        await user.client.send(said + b"v LOGIN ada secret\r\n", pieces=pieces)
        assert (await user.answer(b"u")).startswith(b"u OK [CAPABILITY ")
        assert b" COMPRESS=DEFLATE " in await user.answer(b"v")
        assert (await user.status(b"COMPRESS DEFLATE")).startswith(b"OK ")
        user.client.start_compress()
        assert (await user.status(b"SELECT INBOX")).startswith(b"OK ")

    play(script)


def test_failed_logins_are_counted_over_unauthenticate(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for _ in range(4):
            await user.ok(b"UNAUTHENTICATE")
            assert (await user.status(b"LOGIN ada wrong")).startswith(b"NO ")
            await user.ok(b"LOGIN ada secret")
        await user.ok(b"UNAUTHENTICATE")
        assert b"* BYE " in await user.do(b"LOGIN ada wrong")

    play(script)


def test_unauthenticate_can_be_switched_off(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert b"UNAUTHENTICATE" not in (await user.ok(b"CAPABILITY"))[0]
        assert (await user.status(b"UNAUTHENTICATE")).startswith(b"BAD ")
        assert (await user.status(b"SELECT INBOX")).startswith(b"OK ")

    play(script, unauthenticate=False)
