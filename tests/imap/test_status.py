"""STATUS: SIZE (RFC 8438) and DELETED (RFC 9051 6.3.11) are what FETCH and SEARCH would add up to."""

from __future__ import annotations

import re

from tests.imap.conftest import Imap, Play, World


async def agrees(user: Imap, mailbox: bytes) -> tuple[int, int, int]:
    """MESSAGES, SIZE, DELETED; each held against the messages themselves."""
    (line,) = await user.ok(b"STATUS " + mailbox + b" (MESSAGES SIZE DELETED)")
    told = re.fullmatch(rb"\* STATUS \S+ \(MESSAGES (\d+) SIZE (\d+) DELETED (\d+)\)", line)
    assert told, line
    await user.ok(b"EXAMINE " + mailbox)
    sizes = [int(re.findall(rb"\d+", line)[-1]) for line in await user.ok(b"UID FETCH 1:* RFC822.SIZE")]
    (deleted,) = await user.ok(b"SEARCH DELETED")
    numbers = int(told[1]), int(told[2]), int(told[3])
    assert numbers == (len(sizes), sum(sizes), len(deleted.split()) - 2)
    listed = await user.ok(b'LIST "" ' + mailbox + b" RETURN (STATUS (SIZE DELETED))")
    assert listed[1] == b"* STATUS %b (SIZE %d DELETED %d)" % (mailbox, numbers[1], numbers[2])
    await user.ok(b"UNSELECT")
    return numbers


def test_size_and_deleted_follow_every_change(play: Play) -> None:
    async def script(world: World) -> None:
        user, looker = await world.user(select=b"INBOX"), await world.user()
        assert await agrees(looker, b"INBOX") == (0, 0, 0)
        mails = [b"Subject: %d\r\n\r\n" % n + b"x" * 100 * n for n in range(5)]
        for mail in mails:
            await user.append(mail)
        whole = sum(map(len, mails))
        assert await agrees(looker, b"INBOX") == (5, whole, 0)
        await user.ok(b"STORE 2:4 +FLAGS (\\Deleted)")
        assert await agrees(looker, b"INBOX") == (5, whole, 3)
        await user.ok(b"COPY 1:3 Archive")
        assert await agrees(looker, b"Archive") == (3, sum(map(len, mails[:3])), 2)
        await user.ok(b"STORE 4 -FLAGS (\\Deleted)")
        await user.ok(b"EXPUNGE")
        assert await agrees(looker, b"INBOX") == (3, whole - len(mails[1] + mails[2]), 0)
        await user.ok(b"MOVE 1:* Trash")
        assert await agrees(looker, b"INBOX") == (0, 0, 0)
        assert (await agrees(looker, b"Trash"))[0] == 3
        assert (await user.status(b"STATUS INBOX (SIZE NOTHING)")).startswith(b"BAD ")

    play(script)
