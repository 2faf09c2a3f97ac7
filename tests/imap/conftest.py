"""Sessions over the in-memory transport, on a real store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim, Credentials
from pillarbox.imap.openings import Openings
from pillarbox.imap.session import Services, Session
from pillarbox.imap.settings import Settings
from pillarbox.model.errors import Code, Refused
from pillarbox.net import memory
from pillarbox.net.memory import Client
from pillarbox.net.session import Peer
from pillarbox.store import buried
from pillarbox.store.check import check
from pillarbox.store.files import account_folder
from pillarbox.store.store import Store

ACCOUNT = 7
NOW = 1_700_000_000


async def login(credentials: Claim, channel: Channel) -> Login:
    assert isinstance(credentials, Credentials)
    if (credentials.name, credentials.password) != ("ada", "secret"):
        raise Refused("Authentication failed", Code.AUTHENTICATIONFAILED)
    return Login(ACCOUNT, 3, "ada@example.org")


def user(name: str) -> Login | None:
    return Login(ACCOUNT, 3, "ada@example.org") if name == "ada" else None


def random_octets(count: int) -> bytes:
    return bytes(range(count))


class Imap:
    """One client: it sends commands with tags of its own and reads whole answers."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._tag = 0

    async def greeting(self) -> bytes:
        return await self.client.read_line()

    async def send(self, command: bytes) -> bytes:
        """Send a command (its tag is added) and its line end; the tag."""
        self._tag += 1
        tag = b"t%d" % self._tag
        await self.client.send(tag + b" " + command + b"\r\n")
        return tag

    async def answer(self, tag: bytes) -> bytes:
        """Everything up to and including the line that ends the command `tag`."""
        answer = b""
        while True:
            line = await self.client.read_line()
            answer += line
            while literal := re.search(rb"\{(\d+)\}\r\n\Z", line):
                if size := int(literal[1]):
                    answer += await self.client.read_exactly(size)
                line = await self.client.read_line()
                answer += line
            if line.startswith(tag + b" "):
                return answer

    async def do(self, command: bytes) -> bytes:
        return await self.answer(await self.send(command))

    async def ok(self, command: bytes) -> list[bytes]:
        """The untagged lines of a command that must succeed."""
        answer = await self.do(command)
        *untagged, last = answer.splitlines(keepends=True)
        assert b" OK " in last, answer
        return [line.rstrip(b"\r\n") for line in untagged]

    async def status(self, command: bytes) -> bytes:
        """The tagged line, without its tag and line end."""
        return (await self.do(command)).splitlines()[-1].partition(b" ")[2]

    async def login(self, *enable: bytes) -> Imap:
        await self.greeting()
        await self.ok(b"LOGIN ada secret")
        if enable:
            await self.ok(b"ENABLE " + b" ".join(enable))
        return self

    async def append(self, message: bytes, *, to: bytes = b"INBOX", flags: bytes = b"") -> bytes:
        """The tagged line of an APPEND without waiting for a continuation."""
        head = b"APPEND " + to + (b" (" + flags + b")" if flags else b"")
        return await self.status(head + b" {%d+}\r\n" % len(message) + message)


@dataclass
class World:
    """A store with one account, and what the sessions reported."""

    store: Store
    settings: Settings
    clock: list[float]
    openings: Openings = field(default_factory=Openings)
    refusals: list[tuple[Any, ...]] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    expected_bugs: int = 0

    def report(self, error: BaseException) -> str:
        self.bugs.append(error)
        return f"trace{len(self.bugs)}"

    async def erase(self) -> None:
        """Let the time pass after which expunged messages are gone for good."""
        self.clock[0] += 2 * buried.RETENTION
        await self.store.write(ACCOUNT, buried.erase)

    def connect(self, *, tls: bool = False, peer: Peer | None = None) -> Imap:
        services = Services(
            self.store,
            login,
            self.settings,
            self.report,
            user,
            random_octets,
            self.openings,
            refused=lambda *what: self.refusals.append(what),
        )
        session = Session(services)
        return Imap(memory.connect(session, tls=tls, peer=peer or Peer("127.0.0.1", 4, is_loopback=True)))

    async def user(self, *enable: bytes, select: bytes = b"") -> Imap:
        user = await self.connect().login(*enable)
        if select:
            await user.ok(b"SELECT " + select)
        return user


@asynccontextmanager
async def world(folder: Path, settings: Settings) -> AsyncIterator[World]:
    clock = [float(NOW)]
    store = Store(folder, clock=lambda: clock[0], sync=lambda fd: None)
    await store.open()
    await store.create_account(ACCOUNT)
    made = World(store, settings, clock)
    try:
        yield made
    finally:
        await store.close()
    assert len(made.bugs) == made.expected_bugs, made.bugs
    assert check(account_folder(folder, ACCOUNT)) == []


Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a coroutine function on a world; afterwards the store must be sound and no bug reported."""

    def run(script: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
        async def whole() -> None:
            async with world(tmp_path, Settings("mail.example.org", **settings)) as made:
                await script(made)

        asyncio.run(whole())

    return run
