"""A day with the server: the eight commands every client uses, as one dialogue each."""

from __future__ import annotations

import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.store.engine import sqlite
from tests.imap.conftest import ACCOUNT, Play, World

MAIL = (
    b"From: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: Lunch\r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nAt noon?\r\n"
)


def test_append_select_fetch_store_expunge(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.append(MAIL)).startswith(b"OK [APPENDUID ")
        assert (await user.append(MAIL, flags=b"\\Seen")).startswith(b"OK [APPENDUID ")
        lines = await user.ok(b"SELECT INBOX")
        assert b"* 2 EXISTS" in lines and b"* 2 RECENT" in lines
        assert any(line.startswith(b"* OK [UNSEEN 1]") for line in lines)
        assert any(b"[UIDNEXT 3]" in line for line in lines)
        lines = await user.ok(b"FETCH 1:* (UID FLAGS RFC822.SIZE)")
        assert lines == [
            b"* 1 FETCH (UID 1 FLAGS (\\Recent) RFC822.SIZE %d)" % len(MAIL),
            b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) RFC822.SIZE %d)" % len(MAIL),
        ]
        answer = await user.do(b"FETCH 1 BODY[]")
        assert answer.startswith(
            b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[] {%d}\r\n" % len(MAIL) + MAIL + b")\r\n"
        )
        assert await user.ok(b"STORE 1 +FLAGS (\\Deleted)") == [
            b"* 1 FETCH (FLAGS (\\Deleted \\Seen \\Recent))"
        ]
        assert await user.ok(b"SEARCH DELETED") == [b"* SEARCH 1"]
        assert await user.ok(b"EXPUNGE") == [b"* 1 EXPUNGE", b"* 1 RECENT"]
        assert await user.ok(b"UID FETCH 1:* FLAGS") == [b"* 1 FETCH (UID 2 FLAGS (\\Seen \\Recent))"]
        assert await user.ok(b"LOGOUT") == [b"* BYE Logging out"]
        assert user.client.closed

    play(script)


def test_an_account_is_opened_when_its_user_logs_in(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first SELECT need not wait for it."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("The mail store cannot be read at the moment", Code.UNAVAILABLE, temporary=True)

    async def script(world: World) -> None:
        user = await world.user()
        monkeypatch.setattr(sqlite, "open_account", refuse)
        await user.ok(b"SELECT INBOX")
        # Where that fails, who logs in is not told: only who asks for something.
        world.store._handles.drop(ACCOUNT)
        other = world.connect()
        await other.greeting()
        await other.ok(b"LOGIN ada secret")
        told = b"NO [UNAVAILABLE] The mail store cannot be read at the moment"
        assert await other.status(b"SELECT INBOX") == told
        monkeypatch.undo()

    play(script)
