"""POP3 sessions over the in-memory transport, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim, Credentials
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.net import memory
from pillarbox.net.memory import Client
from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel
from pillarbox.pop3.session import Services, Session
from pillarbox.pop3.settings import Settings
from pillarbox.store import buried, emails, flags, mailboxes, messages
from pillarbox.store.check import check
from pillarbox.store.files import account_folder
from pillarbox.store.store import Store

ACCOUNT = 7
OWNER = Actor(reader=3)
NOW = 1_700_000_000

Play = Callable[..., None]


class Pop:
    """One client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def send(self, *lines: bytes, pieces: int = 0) -> None:
        await self.client.send(b"".join(line + b"\r\n" for line in lines), pieces=pieces)

    async def line(self) -> bytes:
        return (await self.client.read_line()).removesuffix(b"\r\n")

    async def __call__(self, command: bytes) -> bytes:
        """The one line that a command is answered."""
        await self.send(command)
        return await self.line()

    async def multi(self, command: bytes) -> list[bytes]:
        """The lines of an answer of many, dots unstuffed, without the first and the last."""
        first = await self(command)
        assert first.startswith(b"+OK"), first
        return await self.lines()

    async def lines(self) -> list[bytes]:
        found = []
        while (line := await self.line()) != b".":
            found.append(line.removeprefix(b"."))
        return found

    async def login(self) -> bytes:
        await self.line()
        assert await self(b"USER ada") == b"+OK Say the password"
        return await self(b"PASS secret")


@dataclass
class World:
    """A store with one account, and what the sessions reported."""

    store: Store
    settings: Settings
    clock: list[float]
    inbox: int
    bugs: list[BaseException] = field(default_factory=list)
    expected_bugs: int = 0
    refusal: Refused | None = None  # what a right password is answered

    def report(self, error: BaseException) -> str:
        self.bugs.append(error)
        return f"trace{len(self.bugs)}"

    async def login(self, claim: Claim, channel: Channel) -> Login:
        assert isinstance(claim, Credentials)
        assert channel.protocol == "pop"
        if (claim.name, claim.password) not in (("ada", "secret"), ("zoë", "mot de passe ü")):
            raise Refused("Authentication failed", Code.AUTHENTICATIONFAILED)
        if self.refusal is not None:
            raise self.refusal
        return Login(ACCOUNT, OWNER.reader, "ada@example.org")

    def connect(self, *, tls: bool = False, peer: Peer | None = None, wheel: Wheel | None = None) -> Pop:
        session = Session(Services(self.store, self.login, self.settings, self.report))
        peer = peer or Peer("127.0.0.1", 4, is_loopback=True)
        return Pop(memory.connect(session, tls=tls, peer=peer, wheel=wheel))

    async def user(self) -> Pop:
        user = self.connect()
        assert (await user.login()).startswith(b"+OK ")
        return user

    async def append(self, *raw: bytes) -> list[int]:
        """Messages in the INBOX, as they are; their UIDs."""
        uids = []
        for each in raw:
            staging = self.store.staging()
            await staging.write(each)
            placed = await self.store.place(ACCOUNT, await staging.finish())
            appended = await self.store.write(ACCOUNT, messages.append, OWNER, self.inbox, placed)
            uids.append(appended.uid)
        return uids

    async def remove(self, *uids: int) -> None:
        """As another session would."""
        runs = tuple((uid, uid) for uid in sorted(uids))
        await self.store.write(ACCOUNT, messages.remove, OWNER, self.inbox, runs)

    async def uids(self) -> list[int]:
        columns = await self.store.columns(ACCOUNT, OWNER, self.inbox)
        return list(columns.uids)

    async def flags(self) -> list[tuple[str, ...]]:
        rows = await self.store.read(
            ACCOUNT, emails.rows, OWNER, self.inbox, 1, MAX_NUMBER, ("flag_set",), with_buried=False
        )
        return [await self.store.read(ACCOUNT, flags.flag_set, number) for (number,) in rows]

    async def erase(self) -> None:
        """Let the time pass after which expunged messages are gone for good."""
        self.clock[0] += 2 * buried.RETENTION
        await self.store.write(ACCOUNT, buried.erase)


@asynccontextmanager
async def world(folder: Path, settings: Settings) -> AsyncIterator[World]:
    clock = [float(NOW)]
    store = Store(folder, clock=lambda: clock[0], sync=lambda fd: None)
    await store.open()
    await store.create_account(ACCOUNT)
    inbox = await store.read(ACCOUNT, mailboxes.require, OWNER, "INBOX")
    made = World(store, settings, clock, inbox.id)
    try:
        yield made
    finally:
        await made.store.close()
    assert len(made.bugs) == made.expected_bugs, made.bugs
    assert check(account_folder(folder, ACCOUNT)) == []


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a coroutine function on a world; afterwards the store must be sound and no bug reported."""

    def run(script: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
        async def whole() -> None:
            async with world(tmp_path, Settings("mail.example.org", **settings)) as made:
                await script(made)

        asyncio.run(whole())

    return run
