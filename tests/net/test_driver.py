"""Order, patience, bounds: what the driver promises a session and its peer, on the in-memory transport."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pillarbox.net import driver
from pillarbox.net.memory import Client, connect
from pillarbox.net.wheel import Wheel

Run = Callable[[Coroutine[Any, Any, None]], None]


async def greeted(session: Any, **options: Any) -> Client:
    client = connect(session, **options)
    assert await client.read_line() == b"hello\r\n"
    return client


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_answers_come_in_order_whatever_their_kind(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        session.gate.set()
        for pieces in (0, 1, 3):
            client = await greeted(session)
            await client.send(
                b"a\r\nwait\r\npieces\r\nat-once\r\nslow-pieces\r\nb\r\nclose\r\n", pieces=pieces
            )
            assert await client.read_all() == (
                b"a\r\nwaited\r\n0\r\n1\r\n2\r\nat once\r\n0\r\n1\r\n2\r\nb\r\ngoing\r\n"
            )

    run(scene())


def test_no_event_while_an_answer_is_pending(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"wait\r\nb\r\n")
        await turns()
        assert client.read_now() == b""
        session.gate.set()
        assert await client.read_until(b"b\r\n") == b"waited\r\nb\r\n"

    run(scene())


@pytest.mark.parametrize("pieces", [0, 1, 7])
def test_lines_octets_and_dots(run: Run, told: Any, pieces: int) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"octets 5\r\nab\r\ncd\r\n", pieces=pieces)
        assert await client.read_until(b"d\r\n") == b"got 5\r\nd\r\n"
        session.log.clear()
        await client.send(b"octets 0\r\n" + b"dotted\r\n..a\r\n.\r\nb\r\n", pieces=pieces)
        assert await client.read_until(b"b\r\n") == b"got 0\r\ngot 4\r\nb\r\n"
        assert b"".join(session.log) == b".a\r\n"

    run(scene())


def test_pieces_are_no_larger_than_asked_for(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"octets 2500\r\n" + b"x" * 2500)
        assert await client.read_line() == b"got 2500\r\n"
        assert [len(piece) for piece in session.log[1:]] == [1000, 1000, 500]

    run(scene())


def test_line_ends(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        bare = []
        session.line = lambda line: bare.append(session.connection.bare_lf) or repr(line).encode() + b"\r\n"
        client = await greeted(session)
        await client.send(b"a\r\nb\n\n\r\nc\r\r\nd\re\r\n\x00\r\n")
        lines = [await client.read_line() for _ in range(7)]
        assert lines[:4] == [b"b'a'\r\n", b"b'b'\r\n", b"b''\r\n", b"b''\r\n"]
        assert lines[4:] == [b"b'c\\r'\r\n", b"b'd\\re'\r\n", b"b'\\x00'\r\n"]
        assert bare == [False, True, True, False, False, False, False]

    run(scene())


@pytest.mark.parametrize("pieces", [0, 1, 50, 64])
def test_a_line_over_its_limit_is_skipped_whole(run: Run, told: Any, pieces: int) -> None:
    async def scene() -> None:
        client = await greeted(told())
        await client.send(
            b"x" * 98 + b"\r\n" + b"x" * 99 + b"\r\n" + b"y" * 1000 + b"\r\nok\r\n", pieces=pieces
        )
        assert await client.read_until(b"ok\r\n") == b"x" * 98 + b"\r\ntoo long\r\ntoo long\r\nok\r\n"

    run(scene())


def test_an_endless_line_is_not_kept(run: Run, told: Any) -> None:
    async def scene() -> None:
        client = await greeted(told())
        for _ in range(100):
            await client.send(b"x" * 100_000)
        assert await client.read_line() == b"too long\r\n"
        assert len(client.driver._input) - client.driver._at == 0
        await client.send(b"\r\nok\r\n")
        assert await client.read_line() == b"ok\r\n"

    run(scene())


def test_answers_to_pipelined_commands_leave_together(run: Run, told: Any) -> None:
    async def scene() -> None:
        client = await greeted(told())
        writes = []
        write = client._transport.write
        client._transport.write = lambda data: (writes.append(len(data)), write(data))  # type: ignore[method-assign]
        await client.send(b"NOOP\r\n" * 50)
        assert await client.read_exactly(300) == b"NOOP\r\n" * 50
        assert len(writes) <= 3

    run(scene())


def test_ten_thousand_pipelined_commands_do_not_hold_up_others(run: Run, told: Any) -> None:
    """One slice at a time: with a clock that runs only while commands run, nobody waits for more."""

    async def scene() -> None:
        clock = [0.0]

        def line(line: bytes) -> bytes:
            clock[0] += 0.0001
            return b"x\r\n"

        session = told()
        session.line = line
        client = await greeted(session, wheel=Wheel(lambda: clock[0], tick=3600))
        longest = before = 0.0
        done = asyncio.Event()

        def watch() -> None:
            nonlocal longest, before
            longest, before = max(longest, clock[0] - before), clock[0]
            if not done.is_set():
                asyncio.get_running_loop().call_soon(watch)

        watch()
        await client.send(b"NOOP\r\n" * 10_000)
        assert await client.read_exactly(30_000) == b"x\r\n" * 10_000
        done.set()
        assert longest <= 2 * driver.SLICE

    run(scene())


@pytest.mark.parametrize("command", [b"flood\r\n", b"slow-flood\r\n"])
def test_a_peer_that_does_not_read_stops_the_answer(run: Run, told: Any, command: bytes) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        client.stop_reading()
        await client.send(command + b"x\r\n" * 60_000)
        await turns(50)
        assert client.unsent < 2 * driver.JOIN + 1000
        assert not session.connection.writable
        assert not client.read_ahead  # and it is not read from without bound either
        client.start_reading()
        data = await client.read_until(b"flood 099999\r\n")
        assert data.count(b"\r\n") == 100_000
        assert session.log[:3] == ["opened", "writable again", "flood over"]
        assert await client.read_exactly(180_000) == b"x\r\n" * 60_000
        assert session.connection.writable
        assert client.read_ahead

    run(scene())


def test_a_peer_that_pipelines_and_never_reads_costs_bounded_memory(run: Run, told: Any) -> None:
    async def scene() -> None:
        client = await greeted(told())
        client.stop_reading()
        for _ in range(100):
            await client.send(b"0123456789\r\n" * 1000)
        await turns(100)
        assert client.unsent < 2 * driver.JOIN + 1000
        assert len(client.driver._input) < 2 * driver.INPUT_HIGH + 12_000
        await client.disconnect()

    run(scene())


@pytest.mark.parametrize("command", [b"flood\r\n", b"slow-flood\r\n"])
def test_a_peer_gone_in_the_middle_of_an_answer(run: Run, told: Any, command: bytes) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        client.stop_reading()
        await client.send(command)
        await client.disconnect()
        await turns()
        assert session.log[-2:] == ["flood over", "closed"]

    run(scene())


def test_silence_expires(run: Run, told: Any) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        clock[0] += 50
        await client.send(b"x\r\n")
        clock[0] += 55
        wheel.turn()
        assert not client.closed
        clock[0] += 10
        wheel.turn()
        assert await client.read_all() == b"x\r\nexpired\r\n"
        await turns()
        assert session.log == ["opened", "expired", "closed"]
        wheel.stop()

    run(scene())


@pytest.mark.parametrize("begun", [b"", b"y" * 5000])
def test_a_line_that_does_not_come_to_its_end_is_silence(run: Run, told: Any, begun: bytes) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        await client.send(begun)
        for _ in range(9):
            clock[0] += 10
            await client.send(b"y")
            wheel.turn()
        assert (await client.read_all()).endswith(b"expired\r\n")
        wheel.stop()

    run(scene())


def test_a_slow_line_that_comes_to_its_end_in_time_is_none(run: Run, told: Any) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        for _ in range(4):
            for octet in (b"x", b"\r", b"\n"):
                clock[0] += 15
                await client.send(octet)
                wheel.turn()
            assert await client.read_line() == b"x\r\n"
        assert not client.closed
        await client.disconnect()
        wheel.stop()

    run(scene())


def test_a_timeout_that_becomes_shorter_counts_at_once(run: Run, told: Any) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        session.timeout = 3600.0
        client = await greeted(session, wheel=wheel)
        session.timeout = 5.0
        await client.send(b"x\r\n")
        clock[0] += 7
        wheel.turn()
        assert await client.read_all() == b"x\r\nexpired\r\n"
        wheel.stop()

    run(scene())


def test_nobody_expires_while_the_session_works(run: Run, told: Any) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        await client.send(b"wait\r\n")
        for _ in range(5):
            clock[0] += 100
            wheel.turn()
        session.gate.set()
        assert await client.read_line() == b"waited\r\n"
        clock[0] += 55  # the silence counts from the answer
        wheel.turn()
        assert not client.closed
        clock[0] += 10
        wheel.turn()
        assert await client.read_all() == b"expired\r\n"
        wheel.stop()

    run(scene())


@pytest.mark.parametrize("command", [b"flood\r\n", b"slow-flood\r\n"])
def test_a_peer_that_does_not_read_expires(run: Run, told: Any, command: bytes) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        client.stop_reading()
        await client.send(command)
        clock[0] += 65
        await turns()
        wheel.turn()
        await turns()
        assert client.closed
        assert session.log == ["opened", "expired", "flood over", "closed"]
        wheel.stop()

    run(scene())


def test_a_last_answer_nobody_takes_does_not_keep_the_connection(run: Run, told: Any) -> None:
    async def scene() -> None:
        clock = [1000.0]
        wheel = Wheel(lambda: clock[0], tick=1.0)
        session = told()
        client = await greeted(session, wheel=wheel)
        client.stop_reading()
        await client.send(b"close\r\n")
        await turns()
        assert not client.driver.lost
        clock[0] += driver.LINGER + 2
        wheel.turn()
        await turns()
        assert client.driver.lost
        wheel.stop()

    run(scene())


def test_a_disconnect_cancels_and_closed_is_the_last_call(run: Run, told: Any) -> None:
    async def scene() -> None:
        for waits in (0, 3):
            session = told()
            client = await greeted(session)
            client._transport.inbox.append(b"wait\r\nx\r\n")
            client._transport.deliver()
            await turns(waits)
            await client.disconnect()
            await turns()
            assert session.log == ["opened", "cancelled", "closed"]

    run(scene())


def test_half_closing_is_answered_to_the_end(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"wait\r\nflood\r\na\r\nhalf a li")
        await client.send_eof()
        session.gate.set()
        data = await client.read_all()
        assert data.startswith(b"waited\r\nflood 000000\r\n")
        assert data.endswith(b"flood 099999\r\na\r\n")
        await turns()
        assert session.log[-1] == "closed"

    run(scene())


@pytest.mark.parametrize(
    ("command", "before"),
    [(b"bug", b""), (b"wait-then-bug", b""), (b"broken-pieces", b"one\r\n")],
)
def test_a_bug_is_reported_and_ends_the_connection(
    run: Run, told: Any, command: bytes, before: bytes
) -> None:
    async def scene() -> None:
        session = told()
        session.gate.set()
        client = await greeted(session)
        with pytest.raises(RuntimeError):
            await client.send(b"a\r\n" + command + b"\r\nnever\r\n")
            await client.read_all()
        assert await client.read_all() == b"a\r\n" + before
        await turns()
        assert session.log[-1] == "closed"

    run(scene())


def test_a_coroutine_cancelled_from_inside_ends_the_connection(run: Run, told: Any) -> None:
    async def scene() -> None:
        async def cancelled() -> bytes:
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            future.cancel()
            return await future

        session = told()
        session.line = lambda line: cancelled()
        client = await greeted(session)
        with pytest.raises(asyncio.CancelledError):
            await client.send(b"a\r\n")

    run(scene())


def test_starttls_forgets_what_was_said_in_clear(run: Run, told: Any) -> None:
    # RFC 9051 11.1, RFC 3207 6
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"a\r\ntls\r\ninjected\r\n")
        assert await client.read_until(b"going\r\n") == b"a\r\ngoing\r\n"
        assert not session.connection.tls
        await turns()
        assert session.connection.tls
        await client.send(b"b\r\n")
        assert await client.read_line() == b"b\r\n"

    run(scene())


def test_implicit_tls_opens_after_the_handshake(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = connect(session, tls=True)
        assert session.log == []
        assert await client.read_line() == b"hello\r\n"
        assert session.connection.tls

    run(scene())


def test_pushes(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        session.connection.push(b"news\r\n")
        assert client.read_now() == b"news\r\n"

        def line(line: bytes) -> bytes:
            session.connection.push(b"before\r\n")
            return b"answer\r\n"

        echo, session.line = session.line, line
        await client.send(b"x\r\n")
        assert client.read_now() == b"before\r\nanswer\r\n"
        session.line = echo
        client.stop_reading()
        await client.send(b"flood\r\n")
        session.connection.push(b"after\r\n")
        client.start_reading()
        assert (await client.read_until(b"after\r\n")).endswith(b"flood 099999\r\nafter\r\n")
        assert not client.closed

    run(scene())


def test_a_push_between_pieces_comes_after_the_answer(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)

        def pieces() -> Any:
            yield b"(one"
            session.connection.push(b"news\r\n")
            yield b" two)\r\n"

        session.line = lambda line: pieces()
        await client.send(b"x\r\n")
        assert await client.read_until(b"news\r\n") == b"(one two)\r\nnews\r\n"

    run(scene())


def test_pushing_at_a_peer_that_never_reads_ends(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        client.stop_reading()
        for _ in range(100):
            session.connection.push(b"x" * 50_000)
        await turns()
        assert client.driver.lost
        assert session.log[-1] == "closed"

    run(scene())


def test_draining_waits_for_the_answer(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"wait\r\n")
        client.driver.drain()
        await turns()
        assert client.read_now() == b""
        session.gate.set()
        assert await client.read_all() == b"waited\r\nstopping\r\n"

    run(scene())


def test_closing_reads_on_so_that_the_last_answer_arrives(run: Run, told: Any) -> None:
    async def scene() -> None:
        session = told()
        client = await greeted(session)
        await client.send(b"close\r\nnot\r\nread\r\n")
        assert await client.read_line() == b"going\r\n"
        assert client.closed
        assert not client.driver.lost
        await client.send(b"nor this\r\n")
        await client.send_eof()
        await turns()
        assert client.driver.lost
        assert session.log == ["opened", "closed"]

    run(scene())


def test_a_noop_is_cheap(told: Any) -> None:
    """A loose bound, so that an accident of a factor of ten is noticed."""

    async def scene() -> None:
        client = await greeted(told())
        started = time.perf_counter()
        await client.send(b"NOOP\r\n" * 10_000)
        await client.read_exactly(60_000)
        assert time.perf_counter() - started < 1.0

    asyncio.run(scene())
