"""What commands cost, counted and not timed: calls of functions, and statements to the database.

Each limit is what a command cost when it was written here, and ALLOWED more. Who makes a command dearer sees
it here first; who makes it cheaper lowers its limit. Interpreters differ by a few calls, machines not at all.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pillarbox.net import driver
from pillarbox.store import checkpoint
from pillarbox.store.engine.sqlite import LOOKS
from pillarbox.store.syncs import Syncs
from tests.imap.conftest import ACCOUNT, Imap, Play, World

ALLOWED = 1.1
AGAIN = 3

MESSAGE = b"From: Ada <ada@example.org>\r\nSubject: costs\r\n\r\n" + b"A line of some length.\r\n" * 20


@pytest.fixture(autouse=True)
def one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a long command leaves the loop to others depends on the machine."""
    monkeypatch.setattr(driver, "SLICE", 60.0)


@pytest.fixture(autouse=True)
def disk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often the loop turns while it waits for the disk depends on the machine, too."""

    def begin(syncs: Syncs, fd: int) -> asyncio.Future[None]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    monkeypatch.setattr(Syncs, "begin", begin)


@dataclass
class Cost:
    calls: int = 0
    statements: int = 0


@contextmanager
def counted(world: World, cost: Cost) -> Iterator[None]:
    """Count what runs in the block, on this thread."""

    def count(frame: Any, event: str, what: Any) -> None:
        if event in ("call", "c_call"):
            cost.calls += 1

    def executed(cursor: Any, sql: str, bindings: Any) -> bool:
        cost.statements += 1
        return True

    database = world.store._handles.get(ACCOUNT).database
    database.cursor.exec_trace = executed
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
        database.cursor.exec_trace = None


async def cost_of(world: World, session: Imap, *commands: bytes, times: int = LOOKS + 2) -> Cost:
    """What one of `commands` costs on average, when each has been given so often that an account that has not
    changed is not asked any more. The least of `AGAIN` times, as the loop has other work now and then."""
    least: Cost | None = None
    for turn in range(times + AGAIN - 1):
        cost = Cost()
        for command in commands:
            answer = b""
            with counted(world, cost):
                session.client.driver.data_received(b"t " + command + b"\r\n")
                answer = session.client.read_now()
                while b"\r\nt OK" not in b"\r\n" + answer:
                    await asyncio.sleep(0)
                    answer += session.client.read_now()
        if turn >= times - 1 and (least is None or cost.calls < least.calls):
            least = cost
    assert least is not None
    return Cost(least.calls // len(commands), least.statements // len(commands))


async def filled(world: World, count: int) -> Imap:
    session = await world.user()
    for start in range(0, count, 100):
        literals = b"".join([b" {%d+}\r\n" % len(MESSAGE) + MESSAGE] * min(100, count - start))
        assert (await session.status(b"APPEND INBOX" + literals)).startswith(b"OK")
    await session.ok(b"SELECT INBOX")
    await session.ok(b"SELECT INBOX")  # now nothing is recent
    return session


@pytest.mark.parametrize(
    ("commands", "calls", "statements"),
    [
        ([b"NOOP"], 46, 0),
        ([b"SELECT INBOX"], 71, 0),
        ([b"FETCH 2 FLAGS"], 67, 0),
        ([b"UID FETCH 3 (UID FLAGS ENVELOPE)"], 89, 1),
        ([b"FETCH 4 BODY.PEEK[]"], 88, 1),
        ([b"FETCH 5 BODY.PEEK[1]"], 90, 1),
        ([b"STORE 6 +FLAGS (\\Answered)", b"STORE 6 -FLAGS (\\Answered)"], 183, 9),
        ([b"STORE 7 +FLAGS.SILENT (\\Seen)", b"STORE 7 -FLAGS.SILENT (\\Seen)"], 167, 9),
        ([b"SEARCH UNSEEN"], 301, 0),
        ([b"STATUS INBOX (MESSAGES UNSEEN)"], 346, 8),
    ],
    ids=lambda value: value[0].decode() if isinstance(value, list) else "",
)
def test_a_command_costs_no_more_than_it_did(
    play: Play, commands: list[bytes], calls: int, statements: int
) -> None:
    async def script(world: World) -> None:
        cost = await cost_of(world, await filled(world, 20), *commands)
        assert cost.calls <= calls * ALLOWED, f"{cost.calls} calls; {calls} before"
        assert cost.statements <= statements, f"{cost.statements} statements; {statements} before"

    play(script)


@pytest.mark.parametrize(
    ("command", "most"),
    [
        (lambda n: [b"FETCH 1:%d (UID FLAGS)" % n], 0.0),
        (lambda n: [b"FETCH 1:%d (UID FLAGS ENVELOPE BODYSTRUCTURE)" % n], 2.0),
        (lambda n: [b"FETCH 1:%d BODY.PEEK[]" % n], 11.0),
        (lambda n: [b"FETCH 1:%d BODY.PEEK[HEADER.FIELDS (SUBJECT)]" % n], 24.0),
        (lambda n: [b"STORE 1:%d %bFLAGS.SILENT (\\Flagged)" % (n, sign) for sign in (b"+", b"-")], 0.0),
        (lambda n: [b"STORE 1:%d %bFLAGS (\\Flagged)" % (n, sign) for sign in (b"+", b"-")], 0.0),
        (lambda n: [b"SEARCH UNSEEN UNDELETED 1:%d" % n], 0.0),
    ],
    ids=["flags", "envelope", "bodies", "fields", "silent", "store", "search"],
)
def test_each_message_costs_no_more_than_it_did(
    play: Play, command: Callable[[int], list[bytes]], most: float
) -> None:
    """Calls for each message of a command about many: nothing is to be made for each but its bytes."""

    async def script(world: World) -> None:
        session = await filled(world, 400)
        few = await cost_of(world, session, *command(100))
        many = await cost_of(world, session, *command(400))
        each = (many.calls - few.calls) / 300
        # Work that is done by the hundred or by the slice counts a little too.
        assert each <= most * ALLOWED + 0.1, f"{each:.2f} calls a message; {most} before"

    play(script)


def test_header_fields_cost_nothing_when_they_have_been_asked_for_before(play: Play) -> None:
    async def script(world: World) -> None:
        session = await filled(world, 400)
        await session.ok(b"FETCH 1:400 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        await world.store.header_rows.settle()
        few = await cost_of(world, session, b"FETCH 1:100 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        many = await cost_of(world, session, b"FETCH 1:400 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        assert (many.calls - few.calls) / 300 <= 0.1
        assert many.statements == few.statements

    play(script)


def test_mail_that_arrives_costs_no_more_than_it_did(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """An APPEND of one message, and each further message in it."""
    monkeypatch.setattr(checkpoint, "DUE", 1 << 30)  # the log's pages are counted from its beginning

    async def script(world: World) -> None:
        session = await filled(world, 20)
        times, given = 16, 16 + AGAIN - 1

        async def appended(count: int) -> Cost:
            literals = b"".join([b" {%d+}\r\n" % len(MESSAGE) + MESSAGE] * count)
            return await cost_of(world, session, b"APPEND Archive" + literals, times=times)

        one, many = await appended(1), await appended(101)
        handle = world.store._handles.get(ACCOUNT)
        before = handle.pages
        for _ in range(5):
            await appended(1)
        pages = (handle.pages - before) / (5 * given)
        assert pages <= 10.9 * ALLOWED, f"{pages} pages of the log a message; 10.9 before"
        assert one.calls <= 997 * ALLOWED, f"{one.calls} calls; 997 before"
        assert one.statements <= 24, f"{one.statements} statements; 24 before"
        each = (many.calls - one.calls) / 100, (many.statements - one.statements) / 100
        assert each[0] <= 220 * ALLOWED, f"{each[0]} calls a message; 220 before"
        assert each[1] <= 0.3, f"{each[1]} statements a message; 0.3 before"

    play(script)
