"""SELECT answers from what it found last only where it would find the same again."""

from __future__ import annotations

from typing import Any

import pytest

from pillarbox.imap import openings
from pillarbox.imap.openings import Openings
from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Busy
from tests.imap.conftest import ACCOUNT, Imap, Play, World

MESSAGE = b"Subject: x\r\n\r\nx\r\n"

# What each is told of a mailbox differs.
KINDS: tuple[tuple[bytes, ...], ...] = ((), (b"IMAP4rev2",), (b"UIDONLY",), (b"OBJECTID+",))

CHANGES = (
    b"STORE 1 +FLAGS (\\Seen)",
    b"STORE 2 +FLAGS.SILENT (colour)",
    b"STORE 1:* -FLAGS (\\Seen colour)",
    b"CREATE Elsewhere",
    b"COPY 1:2 Elsewhere",
    b"COPY 1 INBOX",
    b"STORE 2 +FLAGS (\\Deleted)",
    b"EXPUNGE",
    b"DELETE Elsewhere",
    b"CREATE Elsewhere",
    b"COPY 1 Elsewhere",
    b"CREATE Third",
    b"RENAME Elsewhere Second",
    b"RENAME Third Elsewhere",
    b"SUBSCRIBE nothing",
)


async def _lines(session: Imap, command: bytes) -> list[bytes]:
    """What is said of a mailbox, but for CLOSED, and RECENT, which is told once."""
    answer = await session.do(command)
    tagged = answer.splitlines()[-1].partition(b" ")[2]
    lines = [line for line in answer.splitlines()[:-1] if b"[CLOSED]" not in line and b"RECENT" not in line]
    return [*lines, tagged]


def test_each_change_is_seen_by_who_opens_a_mailbox_again(play: Play) -> None:
    async def script(world: World) -> None:
        editor = await world.user(select=b"INBOX")
        for _ in range(3):
            await editor.append(MESSAGE)
        await editor.ok(b"SELECT INBOX")
        users = [await world.user(*kind) for kind in KINDS]
        for change in (b"NOOP", *CHANGES):
            await editor.ok(change)
            for kind, user in zip(KINDS, users):
                for command in (b"SELECT INBOX", b"EXAMINE INBOX", b"SELECT Elsewhere", b"SELECT Second"):
                    first, again = await _lines(user, command), await _lines(user, command)
                    kept, world.openings = world.openings, Openings()
                    fresh = await _lines(await world.user(*kind), command)
                    world.openings = kept
                    assert first == again == fresh, (change, command)

    play(script)


def test_recent_messages_are_told_to_one_session_alone(play: Play) -> None:
    # RFC 3501 2.3.2
    async def script(world: World) -> None:
        editor, other = await world.user(), await world.user()
        assert b"* 0 RECENT" in await other.ok(b"SELECT INBOX")
        await editor.append(MESSAGE)
        assert b"* 1 RECENT" in await other.ok(b"EXAMINE INBOX")
        assert b"* 1 RECENT" in await other.ok(b"EXAMINE INBOX")
        assert b"* 1 RECENT" in await other.ok(b"SELECT INBOX")
        assert b"* 0 RECENT" in await editor.ok(b"SELECT INBOX")
        assert b"* 0 RECENT" in await other.ok(b"SELECT INBOX")

    play(script)


def test_only_so_many_are_kept(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for name in (b"INBOX", b"Drafts", b"Sent", b"Trash", b"INBOX", b"Drafts"):
            await user.ok(b"SELECT " + name)
        assert len(world.openings._kept) == 2

    most, openings.MOST = openings.MOST, 2
    try:
        play(script)
    finally:
        openings.MOST = most


def test_an_account_that_is_locked_for_a_moment_is_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another process has been killed, and the next one reads its log again."""
    opening = sqlite.open_account
    locked = 0

    def locked_at_first(*args: Any, **kwargs: Any) -> sqlite.Database:
        nonlocal locked
        if locked:
            locked -= 1
            raise Busy("database is locked")
        return opening(*args, **kwargs)

    async def script(world: World) -> None:
        nonlocal locked
        user = await world.user(select=b"INBOX")
        await user.append(MESSAGE)
        monkeypatch.setattr(sqlite, "open_account", locked_at_first)
        for command in (b"SELECT INBOX", b"NOOP", b"FETCH 1 FLAGS", b"STORE 1 +FLAGS (\\Seen)", b"NOOP"):
            world.store._handles.drop(ACCOUNT)
            locked = 4
            await user.ok(command)

    play(script)
