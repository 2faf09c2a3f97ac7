"""Where a scene can be played: in memory against our own session, or over TCP against any server."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import argon2
import msgspec

from pillarbox.app import accounts
from pillarbox.app.checking import check_all
from pillarbox.app.config import Config
from pillarbox.app.guard import Guard
from pillarbox.app.wiring import Core, core, sessions
from pillarbox.identity import scram
from pillarbox.net.memory import Client, connect
from pillarbox.net.session import Peer, Session
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD, Dovecot

_numbers = itertools.count(1)


def _address() -> str:
    return f"scene{next(_numbers)}@example.test"


class TcpWire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    async def start_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False  # the servers of the tests sign for themselves
        context.verify_mode = ssl.CERT_NONE
        await self.writer.start_tls(context)

    def close(self) -> None:
        # At once: the loop ends with the scene, and a TLS goodbye would still be waiting for its answer.
        self.writer.transport.abort()


class Tcp:
    """A server that listens; `make_account` gives a fresh address and its password."""

    def __init__(
        self, name: str, host: str, port: int, make_account: Callable[[], tuple[str, str]], *, is_ours: bool
    ) -> None:
        self.name = name
        self.is_ours = is_ours
        self.host, self.port = host, port
        self.make_account = make_account

    async def account(self) -> tuple[str, str]:
        return await asyncio.to_thread(self.make_account)

    async def connect(self) -> TcpWire:
        return TcpWire(*await asyncio.open_connection(self.host, self.port, limit=2**20))


def over_dovecot(server: Dovecot) -> Tcp:
    return Tcp("dovecot", server.host, server.ports.imap, lambda: (_address(), PASSWORD), is_ours=False)


def over_tcp(server: MailServer) -> Tcp:
    def make_account() -> tuple[str, str]:
        address = _address()
        server.add_account(address, PASSWORD)
        return address, PASSWORD

    return Tcp("tcp", server.host, server.imap_port, make_account, is_ours=True)


class MemoryWire:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def send(self, data: bytes) -> None:
        await self.client.send(data)

    async def receive(self) -> bytes:
        try:
            first = await self.client.read_exactly(1)
        except EOFError:
            return b""
        return first + self.client.read_now()

    async def start_tls(self) -> None:
        """The transport only believes in TLS; the session behaves as if it were there."""

    def close(self) -> None:
        if not self.client.closed:
            self.client._transport.abort()


class Memory:
    """Our IMAP session on the real driver and a real store, without sockets, on one event loop."""

    name = "memory"
    is_ours = True
    # Cheap to check: what a hash costs is tested where passwords are.
    hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

    def __init__(self, runner: asyncio.Runner, parts: Core, new_session: Callable[[], Session]) -> None:
        self.runner = runner
        self.parts = parts
        self.new_session = new_session

    async def account(self) -> tuple[str, str]:
        address = _address()
        directory, store = self.parts.directory, self.parts.store
        salt = directory.salt(address)
        verifiers = [scram.derive(hash_, PASSWORD, salt, scram.MIN_ITERATIONS) for hash_ in scram.MODERN]
        await accounts.add(directory, store, address, self.hashed, verifiers)
        return address, PASSWORD

    async def connect(self) -> MemoryWire:
        return MemoryWire(connect(self.new_session()))


@contextmanager
def in_memory(data: Path) -> Iterator[Memory]:
    """The target, and at its end the check of its store and of what its sessions raised."""
    config = msgspec.structs.replace(Config(), data=str(data), workers=1)
    errors: list[BaseException] = []

    def report(error: BaseException, peer: Peer | None = None) -> str:
        errors.append(error)
        return "trace"

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin() -> Memory:
            parts = await stack.enter_async_context(core(config))
            made = stack.enter_context(sessions(config, parts, report, Guard(), {}))
            return Memory(runner, parts, made["imap"])

        memory = runner.run(begin())
        try:
            yield memory
            _, problems = check_all(config.data_folder, memory.parts.directory)
        finally:
            runner.run(stack.aclose())
    assert [f"{each.account}: {each.text}" for each in problems] == []
    if errors:
        raise AssertionError(f"{len(errors)} commands failed inside") from errors[0]
