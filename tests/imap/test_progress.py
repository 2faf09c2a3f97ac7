"""INPROGRESS (RFC 9585): what a client hears while its command takes long."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from pillarbox.imap import progress
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search_key import parse_program
from pillarbox.store import turns
from pillarbox.store.query.planner import readings
from tests.imap.conftest import Play, World

MAIL = b"Subject: x\r\n\r\n" + b"some text to look through\r\n" * 400
COUNT = 300
_TOLD = re.compile(rb'\* OK \[INPROGRESS \("(t\d+)" (\d+) (\d+)\)\] .+')


async def fill(world: World) -> None:
    user = await world.user()
    await user.ok(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(MAIL), MAIL) for _ in range(COUNT)))


def test_a_long_search_counts_up_to_a_goal_it_never_says_it_has_reached(play: Play) -> None:
    async def script(world: World) -> None:
        await fill(world)
        user = await world.user(select=b"INBOX")
        tag = await user.send(b"SEARCH OR BODY nowhere BODY nothing")
        *told, found, last = (await user.answer(tag)).splitlines()
        assert found == b"* SEARCH" and last.startswith(tag + b" OK ")
        lines = [_TOLD.fullmatch(line) for line in told]
        assert len(lines) > 1 and all(lines), told
        counts = [int(one[2]) for one in lines if one]
        assert {(one[1], int(one[3])) for one in lines if one} == {(tag, 2 * COUNT)}
        assert counts == sorted(counts) and counts[0] < counts[-1] < 2 * COUNT
        assert await user.ok(b"NOOP") == []  # the timer has ended with the command

    play(script, progress_every=0.0)


def test_nothing_is_told_of_a_quick_command(play: Play) -> None:
    async def script(world: World) -> None:
        await fill(world)
        user = await world.user(select=b"INBOX")
        assert await user.ok(b"SEARCH BODY nowhere") == [b"* SEARCH"]
        await user.ok(b"COPY 1:* Archive")

    play(script)


def test_who_says_nothing_more_is_told_at_every_look(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is gone looks like one that only listens, until something is sent to it."""
    monkeypatch.setattr(progress, "LOOK", 0.0)
    monkeypatch.setattr(turns, "SLICE", -1.0)

    async def script(world: World) -> None:
        await fill(world)
        user = await world.user(select=b"INBOX")
        tag = await user.send(b"SEARCH OR BODY nowhere BODY nothing")
        await user.client.send_eof()
        *told, found, last = (await user.answer(tag)).splitlines()
        assert found == b"* SEARCH" and last.startswith(tag + b" OK ")
        assert told and all(map(_TOLD.fullmatch, told)), told

    play(script)


@pytest.mark.parametrize(
    "command", [b"COPY 1:* Archive", b"MOVE 1:* Archive", b"EXPUNGE", b"UID EXPUNGE 1:*"]
)
def test_who_waits_for_the_store_hears_that_the_server_lives(
    play: Play, monkeypatch: pytest.MonkeyPatch, command: bytes
) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL, flags=b"\\Deleted")
        write = world.store.write

        async def slow(*args: Any, **kwargs: Any) -> Any:
            for _ in range(5):
                await asyncio.sleep(0)
            return await write(*args, **kwargs)

        monkeypatch.setattr(world.store, "write", slow)
        tag = await user.send(command)
        told = (await user.answer(tag)).splitlines()
        assert told[0].startswith(b'* OK [INPROGRESS ("%b" NIL NIL)] ' % tag), told
        assert told[-1].startswith(tag + b" OK ")

    play(script, progress_every=0.0)


@pytest.mark.parametrize(
    ("program", "times"),
    [(b"SEEN 1:5", 0), (b"BODY a", 1), (b"OR (FROM a TEXT b) NOT SINCE 1-Jan-2020", 3), (b"FROM a SEEN", 1)],
)
def test_the_goal_counts_each_key_that_reads(program: bytes, times: int) -> None:
    assert readings(parse_program(Reader([program]), "utf-8")) == times
