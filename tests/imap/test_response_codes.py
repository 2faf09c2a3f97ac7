"""Response codes that say why a well-formed command was refused (RFC 9051 7.1)."""

from __future__ import annotations

import pytest

from pillarbox.imap.wire.charset import NAMES
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused
from pillarbox.store import quota
from pillarbox.store.quota import Resource
from pillarbox.store.tx import Busy
from tests.imap.conftest import ACCOUNT, Play, World

LETTER = b"Subject: one\r\n\r\n" + b"x" * 1008


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"CREATE INBOX", b"ALREADYEXISTS"),
        (b"CREATE Sent", b"ALREADYEXISTS"),
        (b"RENAME Drafts Sent", b"ALREADYEXISTS"),
        (b"RENAME Drafts INBOX", b"ALREADYEXISTS"),
        (b"CREATE a//b", b"CANNOT"),
        (b'CREATE "a*b"', b"CANNOT"),
        (b"DELETE INBOX", b"CANNOT"),
        (b"RENAME Sent Sent/below", b"CANNOT"),
        (b"CREATE " + b"x" * 256, b"LIMIT"),
        (b"CREATE " + b"/".join([b"x"] * 33), b"LIMIT"),
        (b"DELETE Nowhere", b"NONEXISTENT"),
        (b"RENAME Nowhere Somewhere", b"NONEXISTENT"),
        (b"SELECT Nowhere", b"NONEXISTENT"),
        (b"EXAMINE Nowhere", b"NONEXISTENT"),
        (b"STATUS Nowhere (MESSAGES)", b"NONEXISTENT"),
        (b"APPEND Nowhere {1+}\r\nx", b"TRYCREATE"),
        (b"APPEND INBOX {200000000}", b"TOOBIG"),
    ],
)
def test_without_a_mailbox_selected(play: Play, command: bytes, code: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(command)).startswith(b"NO [%b] " % code)
        await user.ok(b"NOOP")

    play(script)


def test_a_level_with_mailboxes_below_it(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.ok(b"CREATE a/b")
        await user.ok(b"DELETE a")  # RFC 9051 6.3.5: it stays as a level, and then cannot be deleted again
        assert (await user.status(b"DELETE a")).startswith(b"NO [HASCHILDREN] ")
        assert (await user.status(b"SELECT a")).startswith(b"NO [NONEXISTENT] ")
        await user.ok(b"DELETE a/b")
        await user.do(b"DELETE a")
        assert await user.ok(b'LIST "" a*') == []

    play(script)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"COPY 1 Nowhere", b"TRYCREATE"),
        (b"UID COPY 1 Nowhere", b"TRYCREATE"),
        (b"MOVE 1 Archive", b"CANNOT"),
        (b"STORE 1 +FLAGS (\\Seen)", b"CANNOT"),
        (b"EXPUNGE", b"CANNOT"),
        (b"UID EXPUNGE 1", b"CANNOT"),
        (b"SEARCH CHARSET KLINGON ALL", b"BADCHARSET (%b)" % " ".join(NAMES).encode()),
    ],
)
def test_in_a_mailbox_that_was_examined(play: Play, command: bytes, code: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(LETTER)
        await user.ok(b"EXAMINE INBOX")
        assert (await user.status(command)).startswith(b"NO [%b] " % code)
        assert await user.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]

    play(script)


def test_a_quota_that_is_used_up(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(LETTER)
        for resource, limit in ((Resource.STORAGE, 2), (Resource.MAILBOX, 6)):
            await world.store.write(ACCOUNT, quota.set_limit, SERVER, resource, limit)
        assert (await user.append(LETTER)).startswith(b"OK ")
        refused = b"NO [OVERQUOTA] "
        assert (await user.append(LETTER)).startswith(refused)
        assert (await user.status(b"APPEND INBOX {1+}\r\nx {1+}\r\ny")).startswith(refused)
        assert (await user.status(b"COPY 1 Archive")).startswith(refused)
        assert (await user.status(b"CREATE Another")).startswith(refused)
        # What grows nothing goes on: RFC 9208 1 leaves it to the server, a full mailbox must be emptied.
        assert (await user.status(b"MOVE 1 Archive")).startswith(b"OK ")
        await user.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await user.ok(b"EXPUNGE")
        assert (await user.append(LETTER)).startswith(b"OK ")
        # RFC 3502 6.3.11: of several messages all or none.
        assert (await user.status(b"APPEND INBOX {1+}\r\nx {1+}\r\ny")).startswith(refused)
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)"]

    play(script)


def test_a_store_that_cannot_write_now(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(LETTER)

        async def busy(*arguments: object, **options: object) -> None:
            raise Refused("The mail store is busy", Code.UNAVAILABLE, temporary=True)

        def busy_now(*arguments: object) -> None:
            raise Busy

        with monkeypatch.context() as patch:
            patch.setattr(type(world.store), "write", busy)
            patch.setattr(type(world.store), "write_now", busy_now)
            for command in (
                b"APPEND INBOX {1+}\r\nx",
                b"STORE 1 +FLAGS (\\Seen)",
                b"COPY 1 Archive",
                b"MOVE 1 Archive",
                b"EXPUNGE",
                b"CREATE Another",
                b"FETCH 1 BODY[]",
            ):
                assert (await user.status(command)).startswith(b"NO [UNAVAILABLE] "), command
        assert await user.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]

    play(script)
