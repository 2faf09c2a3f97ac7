"""SEARCH by those who mean harm: it is answered or refused, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from pillarbox.store import turns
from tests.imap.conftest import Imap, Play, World

MAIL = b"Subject: x\r\n\r\n" + b"lorem ipsum dolor\r\n" * 500
REFS = b"Message-ID: <%d>\r\nReferences: <0>\r\nSubject: Re: %d\r\n\r\nx\r\n"


async def alive(user: Imap) -> None:
    assert await user.ok(b"NOOP") == []


def deep(levels: int) -> bytes:
    """A tree that cannot be written in a flatter way."""
    return b"NOT (SEEN " * levels + b"ALL" + b")" * levels


@pytest.mark.parametrize("command", [b"SEARCH", b"SORT (DATE) UTF-8", b"THREAD REFS UTF-8", b"ESEARCH"])
def test_a_tree_ten_thousand_deep(play: Play, command: bytes) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        # 64 KiB hold some six thousand levels in one line; the rest comes between literals.
        for tree in (deep(100), deep(5_000), b"INTHREAD NOT " * 4_000 + b"ALL"):
            assert (await user.status(command + b" " + tree)).startswith(b"BAD ")
        assert (await user.status(command + b" " + deep(49))).startswith(b"OK ")
        parts = b"(FROM {1+}\r\nx NOT " * 10_000 + b"ALL" + b")" * 10_000
        assert (await user.status(command + b" " + parts)).startswith(b"BAD ")
        await alive(user)

    play(script)


def test_a_hundred_thousand_keys(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        for many in (b"ALL " * 10_000, b"(" * 10_000, b"1 " * 20_000, b"FROM a " * 9_000):
            answer = await user.do(b"SEARCH " + many + b"ALL")
            assert b" BAD " in answer or b" NO [LIMIT] " in answer
        assert await user.ok(b"SEARCH " + b"ALL " * 9_999 + b"ALL") == [b"* SEARCH 1"]
        await user.client.send(b"a SEARCH " + b"ALL " * 100_000 + b"ALL\r\n")
        assert b"* BYE " in await user.client.read_all()
        await alive(await world.user())

    play(script)


def test_a_needle_of_a_mebibyte(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAIL)
        assert (await user.status(b"SEARCH BODY {1048576}")).startswith(b"BAD [TOOBIG] ")
        most = b"SEARCH BODY {65536+}\r\n" + b"lorem ipsum dolor " * 3640 + b"loremips" * 2
        assert await user.ok(most) == [b"* SEARCH"]
        # What comes without being asked for is passed over.
        many = b"SEARCH BODY {1048576+}\r\n" + b"x" * 1_048_576
        assert (await user.status(many)).startswith(b"BAD [TOOBIG] ")
        await alive(user)

    play(script)


ODD = (
    b".*",
    b"(a+)+$",
    b"[^x]",
    b"a|b",
    b"^",
    b"\\",
    b"%",
    b"_",
    b"a{1,9999}",
    b"\\d",
    b"' OR 1=1 --",
    b"NEAR(a)",
    b"a*",
)


def test_what_means_something_elsewhere_means_itself(play: Play) -> None:
    """Neither regular expressions nor patterns of SQL nor queries of an index."""

    async def script(world: World) -> None:
        user = await world.user()
        for text in ODD:
            await user.append(b"Subject: z" + text + b"z\r\n\r\n..z" + text + b"z..\r\n")
        await user.append(b"Subject: plain\r\n\r\n" + b"a" * 5_000 + b"bccdd 12345\r\n")
        await user.ok(b"SELECT INBOX")
        for number, text in enumerate(ODD, 1):
            for key in (b"SUBJECT", b"BODY", b"TEXT", b"HEADER Subject"):
                needle = b"z" + text + b"z"
                told = await user.ok(b"SEARCH " + key + b" {%d+}\r\n" % len(needle) + needle)
                assert told == [b"* SEARCH %d" % number], (key, text)
            told = await user.ok(b"SEARCH BODY {%d+}\r\n" % len(text) + text)
            assert b" 14" not in told[0], text

    play(script)


WORDS = (
    b"=?utf-8?q?=ZZ=?=",
    b"=?utf-8?b?!!!?=",
    b"=?x-no-such?q?caf=E9?=",
    b"=?utf-8?q?unfinished",
    b"=?utf-8?q?=C3?= rest",
    b"=??q?x?=",
    b"=?utf-8?b?" + b"QUFB" * 20_000 + b"?=",
    b"=?utf-8?q?" * 5_000,
    b"=?utf-7?q?+AGEAYg-?=",
)


def test_words_that_are_encoded_wrongly(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for word in WORDS:
            await user.append(
                b"From: " + word + b" <k@example.org>\r\nSubject: " + word + b" tail\r\n\r\nx\r\n"
            )
        await user.ok(b"SELECT INBOX")
        count = len(WORDS)
        # Whatever they are taken for, what stands beside them is found, and they are sorted and threaded.
        assert await user.ok(b"SEARCH FROM k@example.org SUBJECT tail") == [
            b"* SEARCH " + b" ".join(b"%d" % number for number in range(1, count + 1))
        ]
        assert await user.ok(b"SEARCH SUBJECT unfinished SUBJECT =?utf") == [b"* SEARCH 4"]
        assert await user.ok(b"SEARCH SUBJECT caf") == [b"* SEARCH 3"]
        assert await user.ok(b"SEARCH SUBJECT AAAAAAAAA") == [b"* SEARCH 7"]
        for line in (b"SORT (SUBJECT FROM) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL"):
            [told] = await user.ok(line)
            assert all(b"%d" % number in told for number in range(1, count + 1))
        needle = b"=?utf-8?q?caf=C3=A9?="  # is looked for as it stands
        assert await user.ok(b"SEARCH SUBJECT {%d+}\r\n" % len(needle) + needle) == [b"* SEARCH"]

    play(script)


def test_a_message_of_which_a_hundred_mebibytes_are_text(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        line = b"YWJjIGRlZiBnaGk=" * 4 + b"\r\n"  # in each line four texts, ended by "="
        whole = b"Subject: big\r\nContent-Transfer-Encoding: base64\r\n\r\n" + line * (
            135 * (1 << 20) // len(line)
        )
        bystander = await world.user()
        assert (await user.append(whole)).startswith(b"OK ")
        tag = await user.send(b"SEARCH BODY nowhere")
        answered = 0
        while tag not in user.client.read_now():
            await alive(bystander)
            await asyncio.sleep(0)
            answered += 1
        assert answered
        # What is not looked at is not found, and what is, is.
        assert await user.ok(b"SEARCH BODY abc SUBJECT big") == [b"* SEARCH 1"]

    play(script, append_limit=256 << 20)


async def part_way(user: Imap, command: bytes, turns_taken: int) -> bytes:
    tag = await user.send(command)
    for _ in range(turns_taken):
        await asyncio.sleep(0)
    return tag


SEARCHES = (
    b"SEARCH BODY nothing",
    b"SEARCH OR BODY dolor BODY nothing",
    b"SEARCH INTHREAD REFERENCES SUBJECT 7",
    b"SEARCH FUZZY BODY lorme",
    b"SORT (SUBJECT) UTF-8 BODY dolor",
    b"THREAD REFERENCES UTF-8 ALL",
    b"ESEARCH IN (personal) BODY dolor",
    b"SEARCH RETURN (UPDATE ALL) INTHREAD BODY dolor",
)


async def box(world: World) -> None:
    user = await world.user()
    await user.ok(b"CREATE Box")
    mails = [REFS % (number, number) + MAIL for number in range(60)]
    await user.ok(b"APPEND Box" + b"".join(b" {%d+}\r\n%b" % (len(mail), mail) for mail in mails))
    await user.ok(b"LOGOUT")


@pytest.mark.parametrize("search", SEARCHES)
def test_the_mailbox_is_deleted_meanwhile(play: Play, monkeypatch: pytest.MonkeyPatch, search: bytes) -> None:
    monkeypatch.setattr(turns, "SLICE", -1.0)

    async def script(world: World) -> None:
        other = await world.user()
        for after in (0, 2, 5, 15, 40):
            await box(world)
            user = await world.user(select=b"Box")
            tag = await part_way(user, search, after)
            await other.ok(b"DELETE Box")
            answer = await user.client.read_line()
            while not answer.startswith((tag + b" OK ", tag + b" NO ", b"* BYE ")):
                answer = await user.client.read_line()
            if not answer.startswith(b"* BYE "):
                await user.send(b"LOGOUT")  # it may have been sent away meanwhile, too
                assert b"* BYE " in await user.client.read_all()
        await alive(other)

    play(script)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_client_is_gone_meanwhile(play: Play, monkeypatch: pytest.MonkeyPatch, search: bytes) -> None:
    """Nothing goes on for who is not there: its work ends at the next pause."""
    monkeypatch.setattr(turns, "SLICE", -1.0)

    async def script(world: World) -> None:
        await box(world)
        other = await world.user(select=b"Box")
        before = asyncio.all_tasks()
        for after in (0, 2, 5, 15, 40):
            user = await world.user(select=b"Box")
            await part_way(user, search, after)
            await user.client.disconnect()
            for _ in range(20):
                await alive(other)
            assert asyncio.all_tasks() <= before
        assert (await other.status(search)).startswith(b"OK ")

    play(script)
