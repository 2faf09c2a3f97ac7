"""REPLACE among other sessions, large messages, and clients that do not wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.imap.conftest import World

LETTER = b"Subject: new\r\n\r\nnew\r\n"


def replacing(which: bytes, letter: bytes = LETTER, to: bytes = b"INBOX", *, uid: bool = False) -> bytes:
    head = b"UID REPLACE " if uid else b"REPLACE "
    return head + which + b" " + to + b" {%d+}\r\n" % len(letter) + letter


def test_others_are_told_of_both(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for _ in range(3):
            await user.append(b"Subject: old\r\n\r\n")
        other = await world.user(select=b"INBOX")
        await user.ok(replacing(b"2"))
        told = await other.ok(b"NOOP")
        assert [line for line in told if b"RECENT" not in line] == [b"* 2 EXPUNGE", b"* 3 EXISTS"]
        assert await other.ok(b"UID SEARCH ALL") == [b"* SEARCH 1 3 4"]

    play(script)


@pytest.mark.parametrize("uid", [False, True])
def test_one_that_somebody_else_has_expunged(play: Any, uid: bool) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"Subject: old\r\n\r\n")
        await user.append(b"Subject: old\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        other = await world.user(select=b"INBOX")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await other.ok(b"EXPUNGE")
        assert (await user.status(replacing(b"1", uid=uid))).startswith(b"NO [EXPUNGEISSUED] ")
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH 2"]

    play(script)


def test_one_that_this_session_has_not_heard_of(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        other = await world.user()
        await other.append(b"Subject: old\r\n\r\n")
        answer = await user.do(replacing(b"1", uid=True))
        assert b"APPENDUID" in answer and b" OK REPLACE completed" in answer
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH 2"]
        assert (await user.status(replacing(b"*"))).startswith(b"OK ")
        assert (await user.status(replacing(b"*", uid=True))).startswith(b"OK ")
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH 4"]

    play(script)


def test_there_is_nothing_to_replace(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for which, uid, condition in ((b"1", False, b"BAD"), (b"*", False, b"BAD"), (b"*", True, b"NO")):
            assert (await user.status(replacing(which, uid=uid))).startswith(condition + b" ")
        assert await user.ok(b"SEARCH ALL") == [b"* SEARCH"]

    play(script)


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_a_message_of_any_size(play: Any, size: int) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"Subject: old\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        letter = LETTER + b"x" * size
        assert (await user.status(replacing(b"1", letter, b"Sent"))).startswith(b"OK ")
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH"]
        await user.ok(b"SELECT Sent")
        assert letter in await user.do(b"FETCH 1 BODY.PEEK[]")

    play(script)


def test_one_that_is_too_big_leaves_the_old_one(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"Subject: old\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        assert (await user.status(b"REPLACE 1 INBOX {1001}")).startswith(b"NO [TOOBIG] ")
        assert (await user.status(replacing(b"1", b"x" * 1001))).startswith(b"NO [TOOBIG] ")
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH 1"]

    play(script, append_limit=1000)


def test_a_mailbox_name_as_a_literal(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"Subject: old\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        command = b"REPLACE 1 {5+}\r\nINBOX {%d+}\r\n" % len(LETTER) + LETTER
        assert (await user.status(command)).startswith(b"OK ")
        assert await user.ok(b"UID SEARCH ALL") == [b"* SEARCH 2"]

    play(script)


def test_message_numbers_that_were_given_up(play: Any) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UIDONLY")
        await user.append(b"Subject: old\r\n\r\n")
        await user.ok(b"SELECT INBOX")
        whole = b'REPLACE 1 INBOX CATENATE (URL ";UID=1")'
        for command in (replacing(b"1"), whole):
            assert (await user.status(command)).startswith(b"BAD [UIDREQUIRED] ")
        assert (await user.status(b"UID " + whole)).startswith(b"OK ")

    play(script)
