"""A destination that is no program of anybody's: it takes mail, and does at every stage what a test says.

`script(stage, number)` says what to do there; `number` counts the connections. Each message that it took is
remembered with its conversation's fate: whether the client said anything after the reply to it, so that
it has got that reply for sure.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

import uvloop


class Stage(Enum):
    CONNECT = auto()
    EHLO = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    CONTENT = auto()  # in the middle of it
    DOT = auto()  # all has come, nothing is taken yet
    REPLY = auto()  # it is taken, and nobody was told
    AFTER = auto()  # the reply is out


class Do(Enum):
    GO_ON = auto()
    DROP = auto()  # the connection, at once
    LATER = auto()  # 4xx
    SLOWLY = auto()  # an octet at a time


Script = Callable[[Stage, int], Do]


@dataclass(slots=True)
class Taken:
    """`heard`: the client went on after the reply, so it has read it."""

    content: bytes = field(repr=False)
    recipients: list[str]
    heard: bool = False


class Sink:
    """A context manager; `port` is where it listens."""

    def __init__(self, script: Script = lambda stage, number: Do.GO_ON, port: int = 0) -> None:
        self.script = script
        self.taken: list[Taken] = []
        self.connections = 0
        self.port = port
        self._changed = threading.Condition()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, reached: Callable[[], bool], seconds: float = 60) -> bool:
        """Until something that changes with a connection or a message is so."""
        with self._changed:
            return self._changed.wait_for(reached, seconds)

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=2**20)

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = _Conversation(self, reader, writer, self.connections)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, _Dropped):
                await conversation.run()
        finally:
            writer.transport.abort()
            self.tell()

    def tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


class _Dropped(Exception):
    pass


class _Conversation:
    def __init__(
        self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.sink, self.reader, self.writer, self.number = sink, reader, writer, number
        self.last: Taken | None = None

    async def run(self) -> None:
        if await self.stage(Stage.CONNECT):
            return await self.say(Do.GO_ON, "421 later")
        recipients: list[str] = []
        await self.say(Do.GO_ON, "220 sink.test")
        while line := await self.reader.readline():
            if self.last is not None:
                self.last.heard, self.last = True, None
                self.sink.tell()
            verb = line[:4].upper().strip()
            if verb in (b"EHLO", b"MAIL", b"RCPT"):
                if await self.stage(Stage[verb.decode()]):
                    await self.say(Do.GO_ON, "451 4.3.0 later")
                    continue
                if verb == b"MAIL":
                    recipients = []
                if verb == b"RCPT":
                    recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
                await self.say(
                    self.act(Stage[verb.decode()]),
                    "250-sink.test\r\n250 8BITMIME" if verb == b"EHLO" else "250 2.0.0 yes",
                )
            elif verb == b"DATA":
                await self.content(recipients)
            elif verb == b"QUIT":
                return await self.say(Do.GO_ON, "221 bye")
            else:
                await self.say(Do.GO_ON, "250 2.0.0 yes")
        return None

    async def content(self, recipients: list[str]) -> None:
        if await self.stage(Stage.DATA):
            return await self.say(Do.GO_ON, "451 4.3.0 later")
        await self.say(self.act(Stage.DATA), "354 go on")
        if self.act(Stage.CONTENT) is Do.DROP:
            await self.reader.read(1)
            raise _Dropped
        content = await self.reader.readuntil(b"\r\n.\r\n")
        if await self.stage(Stage.DOT):
            return await self.say(Do.GO_ON, "451 4.3.0 later")
        taken = Taken(content[:-3], list(recipients))
        self.sink.taken.append(taken)
        self.sink.tell()
        await self.stage(Stage.REPLY)
        self.last = taken
        await self.say(self.act(Stage.REPLY), "250 2.0.0 taken")
        await self.stage(Stage.AFTER)

    def act(self, stage: Stage) -> Do:
        return self.sink.script(stage, self.number)

    async def stage(self, stage: Stage) -> bool:
        """Whether the client is to come again later."""
        do = self.act(stage)
        if do is Do.DROP:
            await self.writer.drain()
            if stage is Stage.AFTER:  # what was said goes out before the end
                self.writer.write_eof()
            raise _Dropped
        return do is Do.LATER

    async def say(self, do: Do, text: str) -> None:
        line = f"{text}\r\n".encode()
        if do is Do.SLOWLY:
            for at in range(len(line)):
                self.writer.write(line[at : at + 1])
                await asyncio.sleep(0.002)
        else:
            self.writer.write(line)
        await self.writer.drain()
