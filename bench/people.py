"""Who uses an account in the mixed load: phones that wait, desks where somebody works, and the postman."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from typing import Protocol

from tests.oracle import PASSWORD

HOST = "127.0.0.1"
_EXISTS = re.compile(rb"\* (\d+) EXISTS")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class Tallied(Protocol):
    refused: Counter[str]
    late: list[float]

    def add(self, kind: str, seconds: float) -> None: ...


class Connection:
    """IMAP, one command at a time; counts what the mailbox holds as it is told."""

    def __init__(self, port: int, user: str, tally: Tallied) -> None:
        self.port, self.user, self.tally = port, user, tally
        self.exists = 0
        self.count = 0

    async def begin(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(HOST, self.port, limit=1 << 20)
        await self.line()
        for command in (f'LOGIN "{self.user}" "{PASSWORD}"', "SELECT INBOX"):
            if not await self.do("begin", command.encode()):
                raise OSError(f"{self.user} is not let in")

    async def line(self) -> bytes:
        """A whole response, literals included."""
        out = b""
        while True:
            line = await self.reader.readuntil(b"\n")
            out += line
            if not (literal := _LITERAL.search(line)):
                break
            out += await self.reader.readexactly(int(literal[1]))
        if found := _EXISTS.match(out):
            self.exists = int(found[1])
        elif out.endswith(b" EXPUNGE\r\n"):
            self.exists -= 1
        return out

    async def send(self, command: bytes) -> bytes:
        self.count += 1
        tag = b"m%d" % self.count
        self.writer.write(b"%b %b\r\n" % (tag, command))
        await self.writer.drain()
        return tag

    async def do(self, kind: str, command: bytes) -> bool:
        """Whether it was answered OK. What is gone meanwhile may be refused."""
        begun = time.perf_counter()
        tag = await self.send(command) + b" "
        while not (line := await self.line()).startswith(tag):
            pass
        self.tally.add(kind, time.perf_counter() - begun)
        good = line.startswith(b"OK", len(tag))
        if not good:
            self.tally.refused[kind] += 1
        return good

    def close(self) -> None:
        self.writer.transport.abort()


class Phone(Connection):
    async def wait(self, end: float) -> None:
        """IDLE until something comes, then what it is, and IDLE again."""
        while (left := end - time.perf_counter()) > 0:
            known = self.exists
            tag = await self.send(b"IDLE")
            while not (await self.line()).startswith(b"+"):
                pass
            try:
                async with asyncio.timeout(left):
                    while self.exists <= known:
                        known = min(known, self.exists)
                        await self.line()
            except TimeoutError:
                pass
            self.writer.write(b"DONE\r\n")
            while not (await self.line()).startswith(tag):
                pass
            if self.exists > known:
                await self.do("FETCH new", b"FETCH %d:* (UID FLAGS ENVELOPE BODYSTRUCTURE)" % (known + 1))


class Desk(Connection):
    async def begin(self) -> None:
        await super().begin()
        await self.do("begin", b'LIST "" *')

    async def act(self, chance: random.Random) -> None:
        kinds = [
            (self.read, 30),
            (self.mark, 20),
            (self.look, 20),
            (self.move, 8),
            (self.remove, 8),
            (self.search, 6),
            (self.reopen, 8),
        ]
        kind = chance.choices([each for each, _ in kinds], [weight for _, weight in kinds])[0]
        number = max(1, self.exists - int(chance.expovariate(0.2))) if self.exists else 0
        if number or kind in (self.look, self.reopen):
            await kind(number, chance)

    async def read(self, number: int, chance: random.Random) -> None:
        if await self.do("FETCH body", b"FETCH %d (BODY[])" % number):
            await self.do("NOOP", b"NOOP")

    async def mark(self, number: int, chance: random.Random) -> None:
        flag = chance.choice((b"\\Seen", b"\\Flagged", b"\\Answered"))
        await self.do("STORE", b"STORE %d %bFLAGS (%b)" % (number, chance.choice((b"+", b"-")), flag))

    async def look(self, number: int, chance: random.Random) -> None:
        await self.do("NOOP", b"NOOP")
        if self.exists:
            await self.do("FETCH list", b"FETCH %d:* (UID FLAGS ENVELOPE)" % max(1, self.exists - 30))

    async def move(self, number: int, chance: random.Random) -> None:
        await self.do("MOVE", b"MOVE %d Archive" % number)

    async def remove(self, number: int, chance: random.Random) -> None:
        if await self.do("STORE", b"STORE %d +FLAGS.SILENT (\\Deleted)" % number):
            await self.do("EXPUNGE", b"EXPUNGE")

    async def search(self, number: int, chance: random.Random) -> None:
        word = chance.choice((b"linux", b"meeting", b"patent", b"qqzzxj"))
        kind = chance.choice((b"SUBJECT", b"FROM", b"BODY", b"TEXT"))
        await self.do("SEARCH " + kind.decode(), b"SEARCH %b %b" % (kind, word))

    async def reopen(self, number: int, chance: random.Random) -> None:
        await self.do("STATUS", b"STATUS Archive (MESSAGES UNSEEN)")
        await self.do("SELECT", b"SELECT INBOX")


class Postman:
    """LMTP, one delivery at a time."""

    def __init__(self, port: int, tally: Tallied, letters: list[bytes]) -> None:
        self.port, self.tally, self.letters = port, tally, letters
        self.busy = asyncio.Lock()

    async def begin(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(HOST, self.port)
        await self._reply()
        self.writer.write(b"LHLO mixed.test\r\n")
        await self._reply()

    async def _reply(self) -> bytes:
        while (line := await self.reader.readuntil(b"\n"))[3:4] == b"-":
            pass
        return line

    async def deliver(self, user: str, chance: random.Random) -> None:
        letter = chance.choice(self.letters)
        async with self.busy:
            begun = time.perf_counter()
            self.writer.write(b"MAIL FROM:<sender@mixed.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % user.encode())
            replies = [await self._reply() for _ in range(3)]
            if replies[2].startswith(b"354"):
                self.writer.write(letter + b".\r\n")
                replies.append(await self._reply())
            self.tally.add("LMTP delivery", time.perf_counter() - begun)
            if not replies[-1].startswith(b"2"):
                self.tally.refused["LMTP delivery"] += 1

    def close(self) -> None:
        self.writer.transport.abort()
