"""Accepting connections: who may come in, how many at once, and how the server stops.

listening = Listening(wheel, on_error)
await listening.start(listener, bind(listener.address))
...
await listening.stop(grace=10)
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pillarbox.net.address import BACKLOG
from pillarbox.net.arrive import Arrival, Listened, Networks, Refusal
from pillarbox.net.crowd import Crowd
from pillarbox.net.driver import Common, Driver
from pillarbox.net.session import Peer, Session
from pillarbox.net.tls import ServerContext, end_point_of, upgrading
from pillarbox.net.wheel import Wheel

Tls = Literal["none", "starttls", "implicit"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One protocol at one address. `refusal` is what a connection over `limit` is told before it is
    closed, in the protocol's own words; under implicit TLS it is just closed, because a handshake is
    what an overloaded server must save."""

    address: str
    session: Callable[[], Session]
    tls: Tls = "none"
    context: ServerContext | Callable[[], ServerContext] | None = None
    refusal: bytes = b""
    limit: int = 20_000  # memory: 30 KiB each under TLS
    logs_in: bool = True  # who does not log in is a stranger, and may not stay for long
    proxies: Networks = ()  # where connections begin with a PROXY header


class Listening:
    """All listeners of a process and their connections."""

    def __init__(
        self, wheel: Wheel, on_error: Callable[[BaseException, Peer], None], crowd: Crowd | None = None
    ) -> None:
        self._wheel = wheel
        self._crowd = crowd or Crowd(wheel)
        self._on_error = on_error
        self._servers: list[asyncio.AbstractServer] = []
        self._drivers: set[Driver] = set()
        self._empty = asyncio.Event()
        self._stopping = False

    @property
    def connections(self) -> int:
        return len(self._drivers)

    async def start(self, listener: Listener, sockets: list[socket.socket]) -> None:
        """Serve on `sockets`, which stay the caller's to `release`."""
        if listener.tls != "none" and listener.context is None:
            raise ValueError(f"{listener.address} needs a certificate")
        own: set[Driver] = set()
        crowd = self._crowd

        def came(driver: Driver) -> None:
            own.add(driver)
            crowd.came(driver, stranger=listener.logs_in)
            self._came(driver)

        def gone(driver: Driver) -> None:
            own.discard(driver)
            crowd.gone(driver)
            self._gone(driver)

        common = Common(
            self._wheel,
            self._on_error,
            upgrading(_finder(listener.context) if listener.tls != "none" else None),
            implicit_tls=listener.tls == "implicit",
            end_point=end_point_of,
            came=came,
            gone=gone,
            known=crowd.known,
        )
        refusal = Refusal(b"" if listener.tls == "implicit" else listener.refusal)

        def admit(transport: asyncio.Transport, peer: Peer, first: bytes) -> None:
            if len(own) >= listener.limit or crowd.is_full(peer, stranger=listener.logs_in):
                transport.set_protocol(refusal)
                refusal.connection_made(transport)
                return
            driver = Driver(listener.session(), common)
            # Under TLS from the start it is a handshake that fails.
            watched = listener.tls != "implicit" and not first
            transport.set_protocol(Listened(transport, driver) if watched else driver)
            driver.arrived(transport, peer, first)

        def accept() -> asyncio.Protocol:
            return Arrival(admit, listener.proxies)

        for sock in sockets:
            self._servers.append(await accepting(sock, accept))

    async def stop(self, grace: float) -> None:
        """Accept nothing more, let every session end in its own time, and after `grace` seconds end it."""
        self._stopping = True
        for server in self._servers:
            server.close()
        self._servers.clear()
        for driver in tuple(self._drivers):
            driver.drain()
        await self._emptied(grace)
        self.abort()
        await self._emptied(1.0)

    def abort(self) -> None:
        """End every connection as it is; `stop` then has nothing to wait for."""
        for driver in tuple(self._drivers):
            driver.abort()

    async def _emptied(self, seconds: float) -> None:
        self._empty.clear()
        if self._drivers:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return

    def _came(self, driver: Driver) -> None:
        self._drivers.add(driver)
        if self._stopping:  # accepted just before
            asyncio.get_running_loop().call_soon(driver.drain)

    def _gone(self, driver: Driver) -> None:
        self._drivers.discard(driver)
        if not self._drivers:
            self._empty.set()


def _finder(
    context: ServerContext | Callable[[], ServerContext] | None,
) -> Callable[[], ServerContext] | None:
    if context is None or not isinstance(context, ServerContext):
        return context
    return lambda: context


async def accepting(sock: socket.socket, accept: Callable[[], asyncio.Protocol]) -> asyncio.AbstractServer:
    """Accept on `sock`, which stays the caller's."""
    loop = asyncio.get_running_loop()
    shared = sock.dup()  # closing the server must not close what the caller has bound
    shared.setblocking(False)
    if sock.family == getattr(socket, "AF_UNIX", None):
        return await loop.create_unix_server(accept, sock=shared, backlog=BACKLOG)
    return await loop.create_server(accept, sock=shared, backlog=BACKLOG)
