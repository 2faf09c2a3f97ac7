"""After login: what the maildrop holds, what is sent of it, and what QUIT does to it."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.model.errors import Refused
from pillarbox.net import driver
from pillarbox.pop3.settings import Settings
from pillarbox.store import flags, mailboxes
from pillarbox.store.store import Store
from tests.pop3.conftest import ACCOUNT, OWNER, Play, world

ONE = b"Subject: one\r\nFrom: a@b\r\n\r\n.a line\r\n..\r\n.\r\nthe last\r\n"
TWO = b"Subject: two\r\n\r\n" + b"".join(b"line %d\r\n" % number for number in range(1, 21))


def test_the_session_of_the_standard(play: Play) -> None:
    """RFC 1939 10, and the examples of its sections 5 and 7."""

    async def script(world: Any) -> None:
        one, two = b"a: b\r\n\r\n" + b"x" * 110 + b"\r\n", b"a: b\r\n\r\n" + b"y" * 190 + b"\r\n"
        await world.append(one, two)
        pop = world.connect()
        assert await pop.login() == b"+OK 2 messages (320 octets)"
        assert await pop(b"STAT") == b"+OK 2 320"
        assert await pop(b"LIST") == b"+OK 2 messages (320 octets)"
        assert await pop.lines() == [b"1 120", b"2 200"]
        assert await pop(b"LIST 2") == b"+OK 2 200"
        assert await pop(b"LIST 3") == b"-ERR There is no message 3, there are 2"
        uidvalidity = (await world.store.read(ACCOUNT, mailboxes.status, OWNER, world.inbox)).uidvalidity
        assert await pop.multi(b"UIDL") == [b"%d %d-%d" % (n, uidvalidity, n) for n in (1, 2)]
        assert await pop(b"UIDL 2") == b"+OK 2 %d-2" % uidvalidity
        assert await pop(b"UIDL 3") == b"-ERR There is no message 3, there are 2"
        assert await pop(b"RETR 1") == b"+OK 120 octets"
        assert await pop.lines() == one.split(b"\r\n")[:-1]
        assert await pop(b"DELE 1") == b"+OK Message 1 is gone after QUIT"
        assert await pop(b"DELE 1") == b"-ERR Message 1 is deleted"
        assert await pop(b"RSET") == b"+OK 2 messages (320 octets)"
        assert await pop(b"DELE 1") == b"+OK Message 1 is gone after QUIT"
        assert await pop(b"STAT") == b"+OK 1 200"
        assert await pop.multi(b"LIST") == [b"2 200"]
        assert await pop.multi(b"UIDL") == [b"2 %d-2" % uidvalidity]
        for command in (b"LIST 1", b"UIDL 1", b"RETR 1", b"TOP 1 1"):
            assert await pop(command) == b"-ERR Message 1 is deleted"
        assert await pop.multi(b"RETR 2") == two.split(b"\r\n")[:-1]
        assert await pop(b"DELE 2") == b"+OK Message 2 is gone after QUIT"
        assert await pop(b"NOOP") == b"+OK Nothing done"
        await pop.send(b"QUIT")
        assert await pop.client.read_all() == b"+OK Good bye, 0 messages left\r\n"
        assert await world.uids() == []

    play(script)


@pytest.mark.parametrize("pieces", [0, 1])
def test_everything_at_once(play: Play, pieces: int) -> None:
    # RFC 2449 6.6
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        pop = await world.user()
        await pop.send(b"UIDL", b"LIST", b"RETR 1", b"DELE 1", b"RETR 2", b"DELE 2", b"QUIT", pieces=pieces)
        assert len([await pop.line(), *await pop.lines()]) == 3
        assert await pop.lines() == [
            b"+OK 2 messages (%d octets)" % len(ONE + TWO),
            b"1 %d" % len(ONE),
            b"2 %d" % len(TWO),
        ]
        assert await pop.lines() == [b"+OK %d octets" % len(ONE), *ONE.split(b"\r\n")[:-1]]
        assert await pop.line() == b"+OK Message 1 is gone after QUIT"
        assert await pop.lines() == [b"+OK %d octets" % len(TWO), *TWO.split(b"\r\n")[:-1]]
        assert (await pop.client.read_all()).splitlines() == [
            b"+OK Message 2 is gone after QUIT",
            b"+OK Good bye, 0 messages left",
        ]

    play(script)


@pytest.mark.parametrize("number", [b"0", b"00", b"3", b"9999999999"])
def test_numbers_of_no_message(play: Play, number: bytes) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        pop = await world.user()
        for command in (b"LIST %s", b"UIDL %s", b"RETR %s", b"TOP %s 1", b"DELE %s"):
            assert (await pop(command % number)).startswith(b"-ERR There is no message ")

    play(script)


def test_an_empty_maildrop(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = await world.user()
        assert await pop(b"STAT") == b"+OK 0 0"
        assert await pop.multi(b"LIST") == await pop.multi(b"UIDL") == []
        assert await pop(b"RETR 1") == b"-ERR There is no message 1, there are 0"
        assert await pop(b"QUIT") == b"+OK Good bye, 0 messages left"

    play(script)


# TOP


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 1_000_000_000])
def test_top(play: Play, count: int) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE)
        pop = await world.user()
        header, body = ONE.split(b"\r\n")[:3], ONE.split(b"\r\n")[3:-1]
        assert await pop.multi(b"TOP 1 %d" % count) == header + body[:count]

    play(script)


@pytest.mark.parametrize(
    ("raw", "top"),
    [
        (b"", []),
        (b"Subject: no body\r\n", [b"Subject: no body"]),
        (b"A: b\n\none\ntwo\n", [b"A: b", b"", b"one"]),  # bare LF
        (b"\r\none\r\ntwo\r\n", [b"", b"one"]),
        (b"A: b\r\n\r\nno end", [b"A: b", b"", b"no end"]),
    ],
)
def test_tops_of_odd_messages(play: Play, raw: bytes, top: list[bytes]) -> None:
    async def script(world: Any) -> None:
        await world.append(raw)
        pop = await world.user()
        assert await pop.multi(b"TOP 1 1") == top

    play(script)


# Large messages and long maildrops


def test_a_large_message_comes_as_the_client_reads(play: Play) -> None:
    async def script(world: Any) -> None:
        body = b"".join(b".%07d %s\r\n" % (number, b"z" * 90) for number in range(60_000))
        await world.append(b"Subject: large\r\n\r\n" + body)
        pop = await world.user()
        pop.client.stop_reading()
        await pop.send(b"RETR 1", b"NOOP")
        await asyncio.sleep(0)
        assert pop.client.unsent < 4 * driver.JOIN  # a little of six megabytes
        pop.client.start_reading()
        assert await pop.line() == b"+OK %d octets" % (len(body) + 18)
        got = await pop.client.read_until(b"\r\n.\r\n")
        assert got == b"Subject: large\r\n\r\n" + body.replace(b"\r\n.", b"\r\n..").replace(
            b".", b"..", 1
        ) + (b".\r\n")
        assert await pop.line() == b"+OK Nothing done"
        assert (await pop.multi(b"TOP 1 50000"))[-1].startswith(b".0049999 ")

    play(script)


def test_a_client_that_goes_away_in_the_middle(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(b"Subject: large\r\n\r\n" + b"x" * 5_000_000)
        for command in (b"RETR 1", b"TOP 1 10", b"LIST"):
            pop = await world.user()
            await pop(b"DELE 1") if command == b"LIST" else None
            pop.client.stop_reading()
            await pop.send(command)
            await pop.client.disconnect()
        # RFC 1939 6: without QUIT nothing is removed.
        assert await world.uids() == [1]

    play(script)


def test_a_long_maildrop_is_listed_in_pieces(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(*[b"x\r\n"] * 1_300)
        pop = await world.user()
        await world.remove(700, 701, 1300)
        for number in (1, 500, 501, 1299):
            await pop(b"DELE %d" % number)
        left = [number for number in range(1, 1301) if number not in (1, 500, 501, 1299)]
        assert await pop.multi(b"LIST") == [b"%d 3" % number for number in left]
        assert [int(line.split()[0]) for line in await pop.multi(b"UIDL")] == left
        assert await pop(b"STAT") == b"+OK 1296 %d" % (3 * 1296)
        assert await pop(b"QUIT") == b"+OK Good bye, 1296 messages left"
        gone = {1, 500, 501, 700, 701, 1299, 1300}
        assert await world.uids() == [uid for uid in range(1, 1301) if uid not in gone]

    play(script)


# What others do meanwhile


def test_what_others_expunge_is_still_there(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO, ONE)
        pop = await world.user()
        await world.remove(1, 2)
        await world.append(TWO)  # RFC 1939 4: message numbers are given out at login
        assert await pop(b"STAT") == b"+OK 3 %d" % len(ONE + TWO + ONE)
        assert await pop.multi(b"LIST") == [b"1 %d" % len(ONE), b"2 %d" % len(TWO), b"3 %d" % len(ONE)]
        assert await pop.multi(b"RETR 2") == TWO.split(b"\r\n")[:-1]
        assert await pop(b"LIST 1") == b"+OK 1 %d" % len(ONE)
        await pop(b"DELE 2")
        await pop(b"DELE 3")
        assert await pop(b"QUIT") == b"+OK Good bye, 1 messages left"
        assert await world.uids() == [4]

    play(script)


def test_what_has_been_erased_for_good(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        pop = await world.user()
        await world.remove(1)
        await world.erase()
        for command in (b"RETR 1", b"TOP 1 0", b"LIST 1", b"UIDL 1", b"DELE 1"):
            assert await pop(command) == b"-ERR Message 1 has been erased meanwhile"
        assert await pop.multi(b"LIST") == [b"2 %d" % len(TWO)]
        assert await pop(b"QUIT") == b"+OK Good bye, 2 messages left"

    play(script)


def test_two_sessions_delete_the_same(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        first, second = await world.user(), await world.user()
        for pop in (first, second):
            await pop(b"DELE 1")
        assert await first(b"QUIT") == b"+OK Good bye, 1 messages left"
        assert await second.multi(b"RETR 2") == TWO.split(b"\r\n")[:-1]
        assert await second(b"QUIT") == b"+OK Good bye, 1 messages left"
        assert await world.uids() == [2]

    play(script)


def test_no_flag_is_touched(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        await world.store.write(ACCOUNT, flags.store_flags, OWNER, world.inbox, ((2, 2),), "add", ("x",))
        before = world.store.modseq(ACCOUNT)
        pop = await world.user()
        await pop.multi(b"RETR 1")
        await pop.multi(b"TOP 1 0")
        await pop.multi(b"UIDL")
        await pop(b"QUIT")
        assert world.store.modseq(ACCOUNT) == before
        assert await world.flags() == [(), ("x",)]
        status = await world.store.read(ACCOUNT, mailboxes.status, OWNER, world.inbox)
        assert status.recent == 2

    play(script)


def test_quit_takes_what_is_marked_whatever_its_flags(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, ONE, ONE, ONE)
        await world.store.write(
            ACCOUNT, flags.store_flags, OWNER, world.inbox, ((1, 2),), "add", ("\\Deleted",)
        )
        pop = await world.user()
        await pop(b"DELE 2")
        await pop(b"DELE 3")
        await pop(b"QUIT")
        # RFC 1939 6: in no case what is not marked here
        assert await world.uids() == [1, 4]

    play(script)


# QUIT that cannot


@pytest.mark.parametrize(
    ("error", "answer", "bugs"),
    [
        (
            Refused("The disk is full", temporary=True),
            b"-ERR [SYS/TEMP] The deleted messages have not been removed: The disk is full\r\n",
            0,
        ),
        (
            ZeroDivisionError(),
            b"-ERR [SYS/TEMP] The deleted messages have not been removed: This is a fault of the server,"
            b" logged as trace1\r\n",
            1,
        ),
    ],
)
def test_a_quit_that_fails_removes_nothing(play: Play, error: Exception, answer: bytes, bugs: int) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE)
        pop = await world.user()
        await pop(b"DELE 1")

        async def fails(*args: Any, **more: Any) -> None:
            raise error

        write, world.store.write = world.store.write, fails
        world.expected_bugs = bugs
        await pop.send(b"QUIT")
        assert await pop.client.read_all() == answer
        world.store.write = write
        assert await world.uids() == [1]

    play(script)


def test_an_account_deleted_under_a_session(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE)
        pop = await world.user()
        await world.store.erase_account(ACCOUNT)
        await pop.send(b"RETR 1", b"NOOP")
        assert await pop.client.read_all() == b"-ERR [SYS/PERM] There is no such account\r\n"
        await world.store.create_account(ACCOUNT)

    play(script)


# Unique ids


def test_ids_that_came_from_another_server(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(*[ONE] * 4)

        def migrate(tx: Any) -> None:
            for uid, unique_id in [(1, "whqtswO00WBw418f9t5JxYwZ"), (2, "two words"), (3, "x" * 71)]:
                tx.run(
                    "UPDATE arrival SET uidl = ? WHERE account = ? AND uid = ?", unique_id, tx.account, uid
                )

        await world.store.write(ACCOUNT, migrate)
        pop = await world.user()
        listed = [line.split(b" ", 1)[1] for line in await pop.multi(b"UIDL")]
        assert listed[0] == b"whqtswO00WBw418f9t5JxYwZ"
        # RFC 1939 7: one to 70 characters from ! to ~; what is none is not handed on.
        assert [each.partition(b"-")[2] for each in listed[1:]] == [b"2", b"3", b"4"]
        assert await pop(b"UIDL 1") == b"+OK 1 whqtswO00WBw418f9t5JxYwZ"
        await world.remove(1)
        assert await pop(b"UIDL 1") == b"+OK 1 whqtswO00WBw418f9t5JxYwZ"

    play(script)


def test_ids_stay_when_the_server_comes_again(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO, ONE)
        pop = await world.user()
        before = await pop.multi(b"UIDL")
        await pop(b"DELE 1")
        await pop(b"QUIT")
        data = world.store.data
        await world.store.close()
        world.store = Store(data, clock=lambda: world.clock[0], sync=lambda fd: None)
        await world.store.open()
        again = await world.user()
        assert [line.split()[1] for line in await again.multi(b"UIDL")] == [
            line.split()[1] for line in before[1:]
        ]

    play(script)


# Not ASCII (RFC 6856)

WIDE = "Subject: Grüße\r\nFrom: Zoë <zoe@example.org>\r\n\r\nein Körper\r\n".encode()


def test_a_header_in_utf8(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(WIDE)
        pop = await world.user()
        header = [b"Subject: =?utf-8?B?R3LDvMOfZQ==?=", b"From: =?utf-8?B?Wm/Dqw==?= <zoe@example.org>", b""]
        assert await pop.multi(b"RETR 1") == [*header, "ein Körper".encode()]
        assert await pop.multi(b"TOP 1 0") == header
        wide = world.connect()
        await wide.line()
        assert await wide(b"UTF8") == b"+OK UTF-8 from now on"
        await wide(b"USER ada")
        await wide(b"PASS secret")
        assert await wide.multi(b"RETR 1") == WIDE.split(b"\r\n")[:-1]
        assert await wide.multi(b"TOP 1 0") == WIDE.split(b"\r\n")[:3]

    play(script)


def test_headers_too_long_to_be_looked_at(play: Play) -> None:
    async def script(world: Any) -> None:
        long = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 900) for number in range(600))
        await world.append(
            long + "Subject: ü\r\n\r\nbody\r\n".encode(), b"A: " + b"x" * 600_000 + b"\r\n\r\nb\r\n"
        )
        pop = await world.user()
        got = await pop.multi(b"RETR 1")
        assert got[0] == long.split(b"\r\n")[0]
        assert got[-2:] == [b"", b"body"]
        assert len(got) < 400
        assert await pop.multi(b"RETR 2") == [b"", b"b"]

    play(script)


# LANG (RFC 6856 3)


def test_languages(play: Play) -> None:
    async def script(world: Any) -> None:
        pop = await world.user()
        assert await pop.multi(b"LANG") == [b"en English"]
        for wanted in (b"en", b"EN", b"en-GB", b"*"):
            assert await pop(b"LANG " + wanted) == b"+OK en English from now on"
        assert await pop(b"LANG MUL") == b"-ERR That language is not spoken here"
        assert await pop(b"LANG uga") == b"-ERR That language is not spoken here"

    play(script)


# Damage


def test_a_damaged_message_is_refused_and_the_others_are_not(play: Play) -> None:
    async def script(world: Any) -> None:
        await world.append(ONE, TWO)
        saved = await world.store.read(ACCOUNT, lambda tx: tx.rows("SELECT id, data FROM blob ORDER BY id"))

        def put(tx: Any, blob: int, data: bytes) -> None:
            tx.run("UPDATE blob SET data = ? WHERE account = ? AND id = ?", data, tx.account, blob)

        await world.store.write(ACCOUNT, put, saved[0][0], b"nonsense")
        pop = await world.user()
        assert await pop(b"RETR 1") == b"-ERR [SYS/PERM] The message is damaged on disk"
        assert await pop.multi(b"RETR 2") == TWO.split(b"\r\n")[:-1]
        await world.store.write(ACCOUNT, put, *saved[0])

    play(script)


# Garbage

octets = st.binary(max_size=30).map(lambda line: line.replace(b"\n", b""))
keywords = st.sampled_from([b"RETR ", b"LIST ", b"AUTH ", b"TOP ", b"LANG "])
commands = st.sampled_from(
    [b"STAT", b"LIST", b"UIDL", b"RETR 1", b"TOP 1 0", b"DELE 1", b"RSET", b"NOOP", b"CAPA", b"LANG"]
)
lines = st.lists(st.one_of(commands, octets, st.tuples(keywords, octets).map(b"".join)), max_size=30)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.booleans(), st.integers(0, 9))
def test_garbage_is_answered_and_chunks_change_nothing(
    tmp_path_factory: Any, said: list[bytes], logged_in: bool, pieces: int
) -> None:
    async def answers(place: Any, step: int) -> bytes:
        pop = place.connect()
        if logged_in:
            await pop.login()
        else:
            await pop.line()
        await pop.client.send(b"".join(line + b"\r\n" for line in said), pieces=step)
        await pop.client.send(b"*\r\nRSET\r\nQUIT\r\n")
        return bytes(await pop.client.read_all())

    async def whole() -> None:
        async with world(tmp_path_factory.mktemp("garbage"), Settings("mail.example.org")) as place:
            await place.append(ONE)
            assert await answers(place, 0) == await answers(place, pieces)

    asyncio.run(whole())
