"""SAVELIMIT (RFC 9738): how many messages one COPY or APPEND may save, where the operator says so."""

from __future__ import annotations

from tests.imap.conftest import Play, World

MAIL = b"a:b\r\n\r\nx"
ONE = b" {%d+}\r\n%b" % (len(MAIL), MAIL)


def test_a_copy_of_too_many_copies_nothing_and_says_how_far_it_would_get(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"SAVELIMIT=3" in (await user.ok(b"CAPABILITY"))[0].split()
        for _ in range(8):
            await user.append(MAIL)
        await user.ok(b"NOOP")
        for command, lowest in (
            (b"COPY 1:* Archive", 6),
            (b"UID COPY 1:8 Archive", 6),
            (b"COPY 1:2,4:5 Archive", 2),
            (b"COPY 1:3,5,7 Archive", 3),
        ):
            status = await user.status(command)
            assert status.startswith(b"NO [MESSAGELIMIT 3 %d] " % lowest), (command, status)
        assert await user.ok(b"STATUS Archive (MESSAGES)") == [b"* STATUS Archive (MESSAGES 0)"]
        assert (await user.status(b"COPY 1:2,8 Archive")).startswith(b"OK [COPYUID ")
        # RFC 9738 3: other commands are not limited.
        await user.ok(b"STORE 1:* +FLAGS (\\Deleted)")
        assert await user.ok(b"SEARCH ALL") == [b"* SEARCH 1 2 3 4 5 6 7 8"]
        assert (await user.status(b"MOVE 1:5 Archive")).startswith(b"OK ")
        assert (await user.status(b"COPY 9 Archive")).startswith(b"BAD ")

    play(script, save_limit=3)


def test_an_append_of_too_many_appends_nothing(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(b"APPEND INBOX" + ONE * 4)).startswith(b"NO [MESSAGELIMIT 3] ")
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]
        assert (await user.status(b"APPEND INBOX" + ONE * 3)).startswith(b"OK [APPENDUID ")
        # Who waits for "+" hears before the fourth is sent.
        await user.client.send(b"w APPEND INBOX" + ONE * 3 + b" {%d}\r\n" % len(MAIL))
        assert (await user.client.read_line()).startswith(b"w NO [MESSAGELIMIT 3] ")
        assert (await user.status(b"APPEND nowhere" + ONE * 4)).startswith(b"NO [TRYCREATE] ")

    play(script, save_limit=3)


def test_there_is_no_limit_unless_one_is_set(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"SAVELIMIT" not in (await user.ok(b"CAPABILITY"))[0]
        assert (await user.status(b"APPEND INBOX" + ONE * 1500)).startswith(b"OK [APPENDUID ")
        assert (await user.status(b"COPY 1:* Archive")).startswith(b"OK [COPYUID ")

    play(script)
