"""SAVEDATE (RFC 8514): when a message came into the mailbox it is in."""

from __future__ import annotations

import pytest

from tests.imap.conftest import NOW, Play, World

DAY = 86400
MAIL = b"Subject: x\r\n\r\nx\r\n"


def test_a_message_is_saved_when_it_comes_whatever_date_it_is_given(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"SAVEDATE" in (await user.ok(b"CAPABILITY"))[0].split()
        await user.ok(b'APPEND INBOX "01-Jan-2015 18:50:53 +0100" {%d+}\r\n' % len(MAIL) + MAIL)
        assert await user.ok(b"FETCH 1 (INTERNALDATE SAVEDATE)") == [
            b'* 1 FETCH (INTERNALDATE " 1-Jan-2015 18:50:53 +0100" SAVEDATE "14-Nov-2023 22:13:20 +0000")'
        ]

    play(script)


@pytest.mark.parametrize("command", [b"COPY", b"MOVE"])
def test_who_arrives_by_copy_or_move_is_saved_anew(play: Play, command: bytes) -> None:
    # RFC 8514 3: also by MOVE, which keeps everything else.
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        (dated,) = await user.ok(b"FETCH 1 INTERNALDATE")
        world.clock[0] = NOW + 3 * DAY
        await user.ok(command + b" 1 Archive")
        await user.ok(b"SELECT Archive")
        assert await user.ok(b"FETCH 1 SAVEDATE") == [b'* 1 FETCH (SAVEDATE "17-Nov-2023 22:13:20 +0000")']
        assert await user.ok(b"FETCH 1 INTERNALDATE") == [dated]
        if command == b"COPY":
            await user.ok(b"SELECT INBOX")
            assert b"14-Nov-2023" in (await user.ok(b"FETCH 1 SAVEDATE"))[0]

    play(script)


def test_search_by_the_day_of_saving(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for day in range(3):
            world.clock[0] = NOW + day * DAY
            await user.append(MAIL)
        for key, found in (
            (b"SAVEDBEFORE 15-Nov-2023", b" 1"),
            (b"SAVEDON 15-Nov-2023", b" 2"),
            (b"SAVEDSINCE 15-Nov-2023", b" 2 3"),
            (b"NOT SAVEDON 15-Nov-2023", b" 1 3"),
            (b"SAVEDON 1-Feb-2022", b""),
            (b"SAVEDATESUPPORTED", b" 1 2 3"),
            (b"NOT SAVEDATESUPPORTED", b""),
            (b"OR SAVEDATESUPPORTED SAVEDON 1-Jan-1970", b" 1 2 3"),
        ):
            assert await user.ok(b"SEARCH " + key) == [b"* SEARCH" + found], key
        assert (await user.status(b"SEARCH SAVEDON")).startswith(b"BAD ")
        assert (await user.status(b"SEARCH SAVEDON 31-Feb-2023")).startswith(b"BAD ")

    play(script)
