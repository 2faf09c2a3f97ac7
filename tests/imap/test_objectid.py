"""OBJECTID (RFC 8474): names of mailboxes, messages and threads that outlive renaming, copying and moving."""

from __future__ import annotations

import re

from tests.imap.conftest import Imap, Play, World

FIRST = b"Subject: Message A\r\nMessage-ID: <1@example.com>\r\n\r\na\r\n"
REPLY = b"Subject: Re: Message A\r\nMessage-ID: <2@example.org>\r\nReferences: <1@example.com>\r\n\r\nb\r\n"
OTHER = b"Subject: Message C\r\nMessage-ID: <3@example.org>\r\n\r\nc\r\n"
_ID = re.compile(rb"MAILBOXID \(([A-Za-z0-9_-]{1,255})\)")


async def mailbox_id(user: Imap, command: bytes) -> bytes:
    found = _ID.search(await user.do(command))
    assert found, command
    return found[1]


async def ids(user: Imap, number: int) -> tuple[bytes, bytes]:
    """EMAILID and THREADID of a message."""
    (line,) = await user.ok(b"FETCH %d (EMAILID THREADID)" % number)
    found = re.fullmatch(rb"\* \d+ FETCH \(EMAILID \(([\w-]+)\) THREADID \(([\w-]+)\)\)", line)
    assert found, line
    return found[1], found[2]


def test_a_mailbox_keeps_its_id_as_long_as_it_lives(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(b"CREATE foo")).startswith(b"OK [MAILBOXID (")
        foo = await mailbox_id(user, b"STATUS foo (MAILBOXID)")
        bar = await mailbox_id(user, b"CREATE bar")
        assert foo != bar
        assert b"MAILBOXID" not in await user.do(b"CREATE foo")
        await user.ok(b"RENAME foo renamed/deep")
        for command in (
            b"STATUS renamed/deep (MAILBOXID)",
            b"SELECT renamed/deep",
            b"EXAMINE renamed/deep",
            b'LIST "" renamed/deep RETURN (STATUS (MAILBOXID))',
        ):
            assert await mailbox_id(user, command) == foo, command
        assert await mailbox_id(user, b"CREATE foo") not in (foo, bar)
        await user.ok(b"DELETE bar")
        assert await mailbox_id(user, b"CREATE bar") not in (foo, bar)

    play(script)


def test_renaming_inbox_makes_another_mailbox(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        inbox = await mailbox_id(user, b"STATUS INBOX (MAILBOXID)")
        await user.append(FIRST)
        await user.ok(b"SELECT INBOX")
        named = await ids(user, 1)
        await user.ok(b"RENAME INBOX old")
        assert await mailbox_id(user, b"SELECT old") != inbox
        assert await ids(user, 1) == named  # RFC 8474 5.1
        assert await mailbox_id(user, b"STATUS INBOX (MAILBOXID)") == inbox

    play(script)


def test_messages_and_threads_keep_their_ids_over_copy_and_move(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        for mail in (FIRST, REPLY, OTHER):
            await user.append(mail)
        first, reply, other = [await ids(user, number) for number in (1, 2, 3)]
        assert first[1] == reply[1] != other[1]
        assert (
            len({first[0], reply[0], other[0], first[1], other[1]}) == 5
        )  # RFC 8474 5.2: never one for both
        assert await user.ok(b"SEARCH EMAILID " + reply[0]) == [b"* SEARCH 2"]
        assert await user.ok(b"SEARCH THREADID " + first[1]) == [b"* SEARCH 1 2"]
        assert await user.ok(b"SEARCH THREADID " + first[1] + b" NOT EMAILID " + first[0]) == [b"* SEARCH 2"]
        await user.ok(b"COPY 1 Archive")
        await user.ok(b"MOVE 2 Archive")
        await user.ok(b"COPY 1 INBOX")
        assert await user.ok(b"SEARCH EMAILID " + first[0]) == [b"* SEARCH 1 3"]
        await user.ok(b"SELECT Archive")
        assert [await ids(user, number) for number in (1, 2)] == [first, reply]

    play(script)


def test_an_id_that_is_none_of_ours_matches_nothing(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(FIRST)
        email, thread = await ids(user, 1)
        for strange in (
            b"EMAILID M6d99ac3275bb4e",
            b"EMAILID " + email.swapcase(),  # RFC 8474 7: object ids are case sensitive
            b"EMAILID " + email[:1] + email[1:].upper(),
            b"EMAILID " + thread,
            b"THREADID " + email,
            b"THREADID " + b"x" * 255,
            b"EMAILID E7777777777777",
        ):
            assert await user.ok(b"SEARCH " + strange) == [b"* SEARCH"], strange
            assert await user.ok(b"SEARCH NOT " + strange) == [b"* SEARCH 1"], strange
        assert (await user.status(b"SEARCH EMAILID")).startswith(b"BAD ")

    play(script)
