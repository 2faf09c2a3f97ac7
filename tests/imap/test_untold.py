"""Flags of very many messages are told a little at a time, however slowly the client reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from pillarbox.imap import telling, untold, updates
from pillarbox.imap.pushing import PIECE
from tests.imap.conftest import Imap, Play, World

MAIL = b"Subject: m\r\n\r\nx\r\n"
COUNT = 60
_TOLD = re.compile(rb"\* (\d+) FETCH \((?:UID (\d+) )?(?:FLAGS \(([^)]*)\))?(?: ?MODSEQ \((\d+)\))?\)")


@pytest.fixture(autouse=True, scope="module")
def few_are_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(untold, "MANY", 8)
        patch.setattr(updates, "MANY", 8)
        patch.setattr(untold, "PIECE", 4)
        patch.setattr(telling, "SHORT", 16)
        yield


async def fill(made: World) -> Imap:
    user = await made.user()
    command = b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(MAIL), MAIL) for _ in range(COUNT))
    assert (await user.status(command)).startswith(b"OK")
    return user


def flags(lines: list[bytes]) -> dict[int, set[bytes]]:
    out: dict[int, set[bytes]] = {}
    for line in lines:
        found = _TOLD.fullmatch(line)
        if found and found[3] is not None:
            out[int(found[1])] = set(found[3].split()) - {b"\\Recent"}
    return out


def everyone(flag: bytes, first: int = 1, last: int = COUNT) -> dict[int, set[bytes]]:
    return {number: {flag} for number in range(first, last + 1)}


@pytest.mark.parametrize("enable", [(), (b"CONDSTORE",), (b"QRESYNC",)])
def test_what_another_session_did_to_all(play: Play, enable: tuple[bytes, ...]) -> None:
    async def story(made: World) -> None:
        writer = await fill(made)
        await writer.ok(b"SELECT INBOX")
        reader = await made.user(*enable, select=b"INBOX")
        await writer.ok(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        lines = await reader.ok(b"NOOP")
        assert flags(lines) == everyone(b"\\Flagged")
        assert await reader.ok(b"NOOP") == []
        # Scattered, and some of them gone.
        await writer.ok(b"STORE 1:40 FLAGS.SILENT (\\Seen)")
        await writer.ok(b"STORE 3:5,50 +FLAGS.SILENT (\\Deleted)")
        await writer.ok(b"EXPUNGE")
        told = flags(await reader.ok(b"NOOP"))
        assert told == everyone(b"\\Seen", 1, 37)

    play(story)


def test_numbers_stand_still_until_expunges_may_be_told(play: Play) -> None:
    async def story(made: World) -> None:
        writer = await fill(made)
        await writer.ok(b"SELECT INBOX")
        reader = await made.user(select=b"INBOX")
        await writer.ok(b"STORE 1:10 +FLAGS.SILENT (\\Deleted)")
        await writer.ok(b"EXPUNGE")
        await writer.ok(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        lines = await reader.ok(b"FETCH 60 (UID)")
        assert not any(line.endswith(b"EXPUNGE") for line in lines)
        assert flags(lines) == everyone(b"\\Flagged", 11)
        lines = await reader.ok(b"NOOP")
        assert len(lines) == 10 and all(line.endswith(b"EXPUNGE") for line in lines)

    play(story)


@pytest.mark.parametrize("enable", [(), (b"CONDSTORE",)])
def test_the_answer_to_a_large_store(play: Play, enable: tuple[bytes, ...]) -> None:
    async def story(made: World) -> None:
        await fill(made)
        user = await made.user(*enable, select=b"INBOX")
        lines = await user.ok(b"STORE 1:* +FLAGS (\\Flagged)")
        assert flags(lines) == everyone(b"\\Flagged")
        lines = await user.ok(b"STORE 1:* +FLAGS.SILENT (\\Seen)")
        if enable:  # RFC 7162 3.1.3
            assert [int(found[1]) for line in lines if (found := _TOLD.fullmatch(line)) and found[4]] == list(
                range(1, COUNT + 1)
            )
        assert flags(lines) == {}

    play(story)


@pytest.mark.parametrize("how", [b"IDLE", b"NOTIFY"])
def test_who_waits_is_pushed_all_of_it(play: Play, how: bytes) -> None:
    async def story(made: World) -> None:
        writer = await fill(made)
        await writer.ok(b"SELECT INBOX")
        reader = await made.user(select=b"INBOX")
        if how == b"IDLE":
            await reader.send(b"IDLE")
            assert (await reader.client.read_line()).startswith(b"+")
        else:
            await reader.ok(b"NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))")
        await writer.ok(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        lines = [(await reader.client.read_line()).rstrip() for _ in range(COUNT)]
        assert flags(lines) == everyone(b"\\Flagged")

    play(story)


def test_who_does_not_read_costs_little(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand changes to all messages while nobody reads: what is written is what fits, and in the end
    each message is told as it is."""
    monkeypatch.setattr(untold, "PIECE", 4)
    made_pieces = 0
    lines_of = telling.flag_lines

    def counted(*args: object, **kwargs: object) -> bytes:
        nonlocal made_pieces
        made_pieces += 1
        return lines_of(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(telling, "flag_lines", counted)

    async def story(made: World) -> None:
        writer = await fill(made)
        await writer.ok(b"SELECT INBOX")
        reader = await made.user(select=b"INBOX")
        await reader.send(b"IDLE")
        assert (await reader.client.read_line()).startswith(b"+")
        reader.client.stop_reading()
        nonlocal made_pieces
        made_pieces = 0
        for number in range(500):
            sign = b"-" if number % 2 else b"+"
            await writer.ok(b"STORE 1:* %bFLAGS.SILENT (\\Flagged)" % sign)
        await writer.ok(b"STORE 1:* +FLAGS.SILENT (\\Answered)")
        assert made_pieces * 4 * 40 < 4 * PIECE  # octets, not one for each change
        reader.client.start_reading()
        now: dict[int, set[bytes]] = {}
        async with asyncio.timeout(20):
            while now != everyone(b"\\Answered"):
                now |= flags([(await reader.client.read_line()).rstrip()])

    play(story)


@pytest.mark.parametrize("enable", [(), (b"QRESYNC",), (b"UIDONLY",)])
@pytest.mark.parametrize("how", ["NOOP", "UID STORE", "IDLE"])
def test_very_many_that_are_gone(play: Play, how: str, enable: tuple[bytes, ...]) -> None:
    """First what is gone, then how many there are, then flags with the numbers of afterwards."""
    odd = b",".join(b"%d" % uid for uid in range(1, COUNT, 2))

    async def story(made: World) -> None:
        writer = await fill(made)
        await writer.ok(b"SELECT INBOX")
        reader = await made.user(*enable, select=b"INBOX")
        await writer.ok(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % odd)
        if how == "IDLE":
            await reader.send(b"IDLE")
        await writer.ok(b"EXPUNGE")
        assert (await writer.append(MAIL)).startswith(b"OK")
        if how == "IDLE":
            lines: list[bytes] = []
            while not any(line.endswith(b"EXISTS") for line in lines):
                lines.append((await reader.client.read_line()).rstrip())
        else:
            lines = await reader.ok(b"NOOP" if how == "NOOP" else b"UID STORE 1:* +FLAGS (\\Seen)")
        there = list(range(1, COUNT + 1))
        for line in lines:
            if found := re.fullmatch(rb"\* (\d+) EXPUNGE", line):
                del there[int(found[1]) - 1]
            elif found := re.fullmatch(rb"\* VANISHED ([\d,:]+)", line):
                assert enable
                for piece in found[1].split(b","):
                    there.remove(int(piece))
            elif line.endswith(b"EXISTS"):
                # UID STORE tells of the new one before it begins, and may not tell what is gone then.
                assert how == "UID STORE" or there == list(range(2, COUNT + 1, 2))
                assert line == b"* %d EXISTS" % (len(there) + 1)
                there.append(COUNT + 1)
            elif how != "NOOP" and (found := re.fullmatch(rb"\* (\d+) FETCH \(UID (\d+) .*", line)):
                assert there[int(found[1]) - 1] == int(found[2])
        assert there == [*range(2, COUNT + 1, 2), COUNT + 1]
        if how != "IDLE":
            assert await reader.ok(b"NOOP") == []

    play(story)
