"""INTERNALDATE keeps the zone the client wrote (RFC 9051 2.3.3), wherever the message goes."""

from __future__ import annotations

import pytest

from tests.imap.conftest import Play, World

DATES = (
    b'" 7-Feb-1994 21:52:25 -0830"',
    b'"17-Jul-1996 02:44:25 +1400"',
    b'"31-Dec-1999 23:59:59 -1159"',
    b'" 1-Mar-2024 00:00:00 +0545"',
)


def told(number: int, date: bytes) -> bytes:
    return b"* %d FETCH (INTERNALDATE %b)" % (number, date)


@pytest.mark.parametrize(
    "going", [b"COPY 1:* Archive", b"MOVE 1:* Archive", b"UID COPY 1:* Archive", b"RENAME INBOX Elsewhere"]
)
def test_the_zone_is_kept(play: Play, going: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for date in DATES:
            await user.ok(b"APPEND INBOX %b {3+}\r\na:b" % date)
        await user.ok(b"SELECT INBOX")
        expected = [told(number, date) for number, date in enumerate(DATES, 1)]
        assert await user.ok(b"FETCH 1:* INTERNALDATE") == expected
        # Beside the octets of the message it is another way through the code.
        assert (await user.ok(b"FETCH 2 (INTERNALDATE BODY.PEEK[])"))[0].startswith(
            b"* 2 FETCH (INTERNALDATE %b BODY[] " % DATES[1]
        )
        await user.ok(going)
        await user.ok(b"SELECT " + going.rpartition(b" ")[2])
        assert await user.ok(b"FETCH 1:* INTERNALDATE") == expected

    play(script)


def test_each_of_several_messages_has_its_own(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.ok(b"APPEND INBOX" + b"".join(b" %b {3+}\r\na:b" % date for date in DATES))
        await user.ok(b"SELECT INBOX")
        assert await user.ok(b"FETCH 1:* INTERNALDATE") == [
            told(number, date) for number, date in enumerate(DATES, 1)
        ]
        # RFC 9051 6.4.4: the day as it is spelled, whatever day it was in Greenwich.
        assert await user.ok(b"SEARCH ON 17-Jul-1996") == [b"* SEARCH 2"]
        assert await user.ok(b"SEARCH ON 31-Dec-1999") == [b"* SEARCH 3"]
        assert await user.ok(b"SEARCH SINCE 1-Mar-2024") == [b"* SEARCH 4"]

    play(script)
