"""Where a scene can be played: over TCP against any server. The in-memory target is beside it."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable

from tests.oracle import PASSWORD, Dovecot

_numbers = itertools.count(1)


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
        self.writer.close()


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
        return self.make_account()

    async def connect(self) -> TcpWire:
        return TcpWire(*await asyncio.open_connection(self.host, self.port, limit=2**20))


def over_dovecot(server: Dovecot) -> Tcp:
    def make_account() -> tuple[str, str]:
        return f"scene{next(_numbers)}@example.test", PASSWORD

    return Tcp("dovecot", server.host, server.ports.imap, make_account, is_ours=False)
