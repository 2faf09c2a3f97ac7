"""What the targets stand on: one directory, one loop and one office for a process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pillarbox.identity import scram
from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim, refusal
from pillarbox.identity.directory import Directory
from pillarbox.identity.scram import MIN_ITERATIONS
from pillarbox.net import memory
from pillarbox.net.session import Session
from tests.delivery.office import Office, office

NAME, PASSWORD = "kim@example.test", "secret"


@dataclass(frozen=True)
class Target:
    """`seeds` are things that make sense to it."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


_folders: dict[str, tempfile.TemporaryDirectory[str]] = {}  # they go with the process


def folder(name: str) -> Path:
    _folders[name] = tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True)
    return Path(_folders[name].name)


@cache
def directory() -> Directory:
    made = Directory(folder("directory") / "directory.db", clock=lambda: 0.0, pick=lambda n: 0)
    verifiers = tuple(
        scram.derive(each, PASSWORD, made.salt(NAME), MIN_ITERATIONS) for each in scram.MECHANISMS.values()
    )
    made.add(NAME, None, verifiers=verifiers)
    return made


async def login(claim: Claim, channel: Channel) -> Login:
    raise refusal()


@dataclass
class World:
    """What the sessions stand on; one for a process."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    faults: list[BaseException] = field(default_factory=list)
    office: Office | None = None

    def report(self, error: BaseException) -> str:
        self.faults.append(error)
        return "trace"

    def play(self, session: Session, data: bytes) -> None:
        self.loop.run_until_complete(self._play(session, data))
        if self.faults:
            raise self.faults.pop()

    async def _play(self, session: Session, data: bytes) -> None:
        client = memory.connect(session)
        step = (1, 3, 40, 1000)[data[0] % 4] if data else 1
        for at in range(1, len(data), step):
            if client.closed:
                break
            await client.send(data[at : at + step])
            client.read_now()
        if not client.driver.lost:
            await client.disconnect()

    def desk(self) -> Office:
        if self.office is None:
            entering = self.stack.enter_async_context(office(folder("office")))
            self.office = self.loop.run_until_complete(entering)
        return self.office


@cache
def world() -> World:
    return World()
