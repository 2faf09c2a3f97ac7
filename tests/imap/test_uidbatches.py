"""UIDBATCHES (RFC 10022): the mailbox in batches of so many messages."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.commands.uidbatches import MAX_RANGES, MAX_SIZES, Series, cut, ration
from pillarbox.model.column import Column, starts_of
from pillarbox.model.column import cut as pieces_of
from tests.imap.conftest import Imap, Play, World

MAIL = b"a:b\r\n\r\nx"
ONE = b" {%d+}\r\n%b" % (len(MAIL), MAIL)
EVERY = 2**32 - 1


def column(uids: list[int]) -> Column:
    pieces = tuple(pieces_of(array("I", uids)))
    return Column("I", pieces, starts_of(pieces))


async def batches(user: Imap, said: bytes) -> list[tuple[int, int]]:
    """The ranges of a command that must succeed."""
    answer = await user.do(b"UIDBATCHES " + said)
    (tag,) = re.findall(rb"(?m)^(t\d+) OK ", answer)
    (line,) = re.findall(rb'(?m)^\* UIDBATCHES \(TAG "' + tag + rb'"\)(.*)\r$', answer)
    return [(int(high), int(low)) for high, low in re.findall(rb"(\d+):(\d+)", line)]


async def fill(user: Imap, count: int, mailbox: bytes = b"INBOX") -> None:
    await user.ok(b"APPEND " + mailbox + ONE * count)


# Arithmetic


def test_the_examples_count_as_the_rfc_does() -> None:
    # RFC 10022 3.1.5: of 100,000 messages, the 10th batch is 82000:80001 and the 20th 62000:60001.
    uids = column([*range(1, 100_001)])
    found = cut(uids, 2000, 10, 20)
    assert (len(found), found[0], found[-1]) == (11, (82000, 80001), (62000, 60001))
    seven = column([*range(1, 7001)])
    assert len(cut(seven, 2000, 1, 5)) == 4
    assert cut(seven, 2000, 6, 8) == ()
    assert cut(column([]), 500, 1, EVERY) == ()


def test_a_million_messages_are_two_thousand_ranges() -> None:
    found = cut(column([*range(7, 3_000_007, 3)]), 500, 1, EVERY)
    assert len(found) == 2000 and found[0][0] == 3_000_004 and found[-1][1] == 1


@given(
    st.sets(st.integers(1, 3000), max_size=200),
    st.integers(1, 60),
    st.integers(1, 50),
    st.integers(0, 60),
)
def test_batches_are_a_partition_of_the_mailbox(some: set[int], size: int, first: int, more: int) -> None:
    uids = sorted(some)
    whole = cut(column(uids), size, 1, EVERY)
    held = [bisect_right(uids, high) - bisect_left(uids, low) for high, low in whole]
    assert sum(held) == len(uids)
    assert all(count == size for count in held[:-1]) and all(0 < count <= size for count in held)
    for (_, low), (high, _) in pairwise(whole):
        assert high == low - 1
    if uids:
        assert whole[0][0] == uids[-1] and whole[-1][1] == 1
    assert cut(column(uids), size, first, first + more) == whole[first - 1 : first + more]


# The command


def test_batches_of_a_mailbox_with_gaps(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"UIDBATCHES" in (await user.ok(b"CAPABILITY"))[0].split()
        assert await batches(user, b"500") == []
        await fill(user, 1600)
        await user.ok(b"STORE 1:100,501:600,1600 +FLAGS.SILENT (\\Deleted)")
        await user.ok(b"EXPUNGE")
        assert await batches(user, b"500") == [(1599, 1100), (1099, 500), (499, 1)]
        assert await batches(user, b"500 2:9") == [(1099, 500), (499, 1)]
        assert await batches(user, b"500 3:3") == [(499, 1)]
        assert await batches(user, b"500 4:9") == []
        # RFC 10022 3.1.3.3.1: one range where the batch is as large as the mailbox.
        assert await batches(user, b"1399") == [(1599, 1)]
        assert await batches(user, b"4294967295") == [(1599, 1)]
        assert await batches(user, b"1398") == [(1599, 102), (101, 1)]
        # RFC 10022 3.1.1: what comes later is in no batch that has been told.
        await fill(user, 3)
        assert await batches(user, b"501 1:1") == [(1603, 1102)]

    play(script)


def test_what_is_refused_and_how(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(b"UIDBATCHES 500")).startswith(b"BAD ")
        await user.ok(b"SELECT INBOX")
        for said, answer in (
            (b"1", b"NO [TOOFEW] "),
            (b"499", b"NO [TOOFEW] "),
            (b"499 1:1", b"NO [TOOFEW] "),
            (b"2000 4:1", b"BAD [CLIENTBUG] "),
            (b"1 4:1", b"BAD [CLIENTBUG] "),
            (b"2000 1:51", b"NO [TOOMANY] "),
            (b"100001 1:1", b"NO [TOOMANY] "),
            (b"500 1:4294967295", b"NO [TOOMANY] "),
            (b"4294967295 1:4294967295", b"NO [TOOMANY] "),
            (b"2000 1:50", b"OK "),
            (b"100000 7:7", b"OK "),
            (b"500 4294967295:4294967295", b"OK "),
            (b"4294967295", b"OK "),
            (b"0", b"BAD "),
            (b"500 1", b"BAD "),
        ):
            status = await user.status(b"UIDBATCHES " + said)
            assert status.startswith(answer), (said, status)
        # RFC 9051 7.1: what was refused told of no batches.
        assert b"* UIDBATCHES" not in await user.do(b"UIDBATCHES 499")

    play(script)


def test_it_goes_without_message_numbers_and_leaves_the_saved_result(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UIDONLY", select=b"INBOX")
        await fill(user, 600)
        await user.ok(b"UID SEARCH RETURN (SAVE) UID 3:5")
        assert await batches(user, b"500") == [(600, 101), (100, 1)]
        assert await user.ok(b"UID SEARCH UID $") == [b"* SEARCH 3 4 5"]  # RFC 10022 3.4

    play(script)


def test_what_others_did_is_told_and_counted(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(select=b"INBOX"), await world.user(select=b"INBOX")
        await fill(other, 1200)
        # New messages are told of first, so they count.
        assert await batches(user, b"500") == [(1200, 701), (700, 201), (200, 1)]
        await other.ok(b"UID STORE 901:1200 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        answer = await user.do(b"UIDBATCHES 600")
        # Expunges are told at the end: until then the messages are there, and never more in a batch.
        assert answer.count(b" EXPUNGE\r\n") == 300
        assert b" 1200:601,600:1\r\n" in answer
        assert answer.index(b"* UIDBATCHES") < answer.index(b" EXPUNGE\r\n")
        assert await batches(user, b"700") == [(900, 201), (200, 1)]

    play(script)


# Asking again


def test_the_same_again_is_refused_until_the_mailbox_has_changed(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await fill(user, 1000)
        told = await batches(user, b"500")
        for _ in range(3):
            assert (await user.status(b"UIDBATCHES 500")).startswith(b"NO [LIMIT] ")
        await fill(user, 249)
        assert (await user.status(b"UIDBATCHES 500")).startswith(b"NO [LIMIT] ")
        await fill(user, 1)
        assert await batches(user, b"500") == [(1250, 751), (750, 251), (250, 1)] != told
        assert (await user.status(b"UIDBATCHES 500")).startswith(b"NO [LIMIT] ")
        for least, greatest, answer in ((1, 249, b"NO [LIMIT] "), (250, 250, b"OK ")):
            await user.ok(b"UID STORE %d:%d +FLAGS.SILENT (\\Deleted)" % (least, greatest))
            await user.ok(b"EXPUNGE")
            assert (await user.status(b"UIDBATCHES 500")).startswith(answer)
        # RFC 10022 3.1.1: another mailbox, and back.
        await user.ok(b"SELECT Archive")
        assert await batches(user, b"500") == []
        await user.ok(b"SELECT INBOX")
        assert len(await batches(user, b"500")) == 2
        # Who connects anew knows nothing of what was said before.
        assert len(await batches(await world.user(select=b"INBOX"), b"500")) == 2

    play(script)


def test_a_client_that_works_through_ranges_is_never_refused(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await fill(user, 1000)
        ranges = (b"500 1:1", b"500 2:2", b"500 1:2", b"500 2:3", b"500", b"600 1:1", b"600")
        for said in ranges:
            await batches(user, said)
        for said in ranges:
            assert (await user.status(b"UIDBATCHES " + said)).startswith(b"NO [LIMIT] "), said
        # Half a batch has come since it began: it begins again, in whatever order.
        await fill(user, 150)
        await batches(user, b"500 3:3")
        await fill(user, 150)
        for said in (b"500 2:2", b"500 1:1", b"500 3:3", b"500", b"600", b"600 1:1"):
            await batches(user, said)
        assert (await user.status(b"UIDBATCHES 500")).startswith(b"NO [LIMIT] ")

    play(script)


def test_little_is_remembered_of_a_client_that_varies_its_question() -> None:
    known: dict[int, Series] = {}
    uids = column([*range(1, 2001)])
    for size in range(500, 500 + 3 * MAX_SIZES):
        for number in range(1, 2 * MAX_RANGES):
            ration(known, uids, size, (number, number))
    assert len(known) <= MAX_SIZES
    assert all(len(series.answered) <= MAX_RANGES for series in known.values())
