"""A session that does as it is told, line by line, and the loop to run it on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from pillarbox.net.session import Answer, Connection, Dotted, Line, Octets, Wants


class Told:
    """Echoes what it is given; a few lines make it do something else."""

    def __init__(self) -> None:
        self.wants: Wants = Line(100)
        self.timeout = 60.0
        self.log: list[Any] = []
        self.greeting: Answer = b"hello\r\n"
        self.gate = asyncio.Event()
        self.many = 100_000
        self.connection: Connection

    def opened(self, connection: Connection) -> Answer:
        self.connection = connection
        self.log.append("opened")
        return self.greeting

    def line(self, line: bytes) -> Any:
        word, _, rest = line.partition(b" ")
        if word == b"octets":
            self.wants = Octets(int(rest), 1000)
            return None
        if word == b"dotted":
            self.wants = Dotted()
            return None
        if word in (b"tls", b"close"):
            (self.connection.start_tls if word == b"tls" else self.connection.close)()
            return b"going\r\n"
        if word == b"bug":
            raise RuntimeError("bug")
        known: dict[bytes, Callable[[], Any]] = {
            b"wait": self.wait,
            b"wait-then-bug": self.wait_then_bug,
            b"at-once": self.at_once,
            b"pieces": lambda: (b"%d\r\n" % n for n in range(3)),
            b"flood": self.flood,
            b"slow-flood": self.slow_flood,
            b"broken-pieces": self.broken_pieces,
            b"slow-pieces": self.slow_pieces,
        }
        return known[word]() if word in known else line + b"\r\n"

    def octets(self, piece: bytes, last: bool) -> Answer:
        self.log.append(piece)
        if last:
            self.wants = Line(100)
            return b"got %d\r\n" % sum(len(piece) for piece in self.log if isinstance(piece, bytes))
        return None

    def overflow(self) -> Answer:
        return b"too long\r\n"

    def expired(self) -> Answer:
        self.log.append("expired")
        return b"expired\r\n"

    def draining(self) -> Answer:
        self.log.append("draining")
        self.connection.close()
        return b"stopping\r\n"

    def closed(self) -> None:
        self.log.append("closed")

    def writable_again(self) -> None:
        self.log.append("writable again")

    async def wait(self) -> bytes:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        return b"waited\r\n"

    async def wait_then_bug(self) -> bytes:
        await self.gate.wait()
        raise RuntimeError("late bug")

    async def at_once(self) -> bytes:
        return b"at once\r\n"

    def flood(self) -> Iterator[bytes]:
        try:
            for n in range(self.many):
                yield b"flood %06d\r\n" % n
        finally:
            self.log.append("flood over")

    async def slow_flood(self) -> AsyncIterator[bytes]:
        try:
            for n in range(self.many):
                yield b"flood %06d\r\n" % n
        finally:
            self.log.append("flood over")

    def broken_pieces(self) -> Iterator[bytes]:
        yield b"one\r\n"
        raise RuntimeError("broken")

    async def slow_pieces(self) -> AsyncIterator[bytes]:
        for n in range(3):
            await self.gate.wait()
            yield b"%d\r\n" % n


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs one coroutine to its end, on either loop."""
    return uvloop.run if request.param == "uvloop" else asyncio.run


@pytest.fixture
def told() -> type[Told]:
    return Told
