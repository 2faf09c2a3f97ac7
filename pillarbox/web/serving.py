"""From sockets to an ASGI application: our accepting, TLS and bounds around uvicorn's HTTP/1.1.

A connection is a stranger as long as it lasts (`net.crowd`): so a slow one ends after `limits.login` seconds,
and of too many the oldest goes. What uvicorn would say in its log is not said: its lines are about what
peers get wrong. What an application raises is caught before it (`strict`).
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pillarbox.net.arrive import Arrival, Networks
from pillarbox.net.crowd import Crowd
from pillarbox.net.inline import begin
from pillarbox.net.listen import accepting
from pillarbox.net.session import Peer
from pillarbox.net.tls import ServerContext, feed, upgrading
from pillarbox.web.strict import MAX_HEAD

KEEP_ALIVE = 15  # seconds that a connection may be quiet between two requests

logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Connection(H11Protocol):
    """One connection; for the crowd a guest."""

    def __init__(self, config: uvicorn.Config, state: ServerState, peer: Peer, gone: "_Gone") -> None:
        super().__init__(config, state, {"peer": peer})
        self.peer = peer
        self._gone = gone
        self._early = b""  # what came between the handshake and our knowing that it is done
        self._opened = False
        self.shaking: asyncio.Task[None] | None = None  # the TLS handshake

    def opened(self, transport: asyncio.Transport, *, tls: bool) -> None:
        self.connection_made(transport)
        self.client = None if self.peer.is_unix else (self.peer.address, self.peer.port)
        self.scheme = "https" if tls else "http"
        self._opened = True
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        if not self._opened:
            self._early += data
        elif not self.transport.is_closing():
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._opened:
            super().connection_lost(exc)
        self._gone(self)

    def abort(self) -> None:
        if self.shaking is not None:
            self.shaking.cancel()
        self.transport.abort()
        if not self._opened:  # then nobody says that it is lost
            self._gone(self)

    expire = abort


_Gone = Callable[[Connection], None]


class Gateway:
    """All HTTP listeners of a process."""

    def __init__(self, application: Application, crowd: Crowd) -> None:
        self._crowd = crowd
        self._config = uvicorn.Config(
            application,
            interface="asgi3",
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,  # `strict` says it
            timeout_keep_alive=KEEP_ALIVE,
            h11_max_incomplete_event_size=MAX_HEAD,
        )
        self._state = ServerState()
        self._servers: list[asyncio.AbstractServer] = []
        self._here: set[Connection] = set()
        self._empty = asyncio.Event()

    async def start(
        self, sock: socket.socket, context: Callable[[], ServerContext] | None, proxies: Networks = ()
    ) -> None:
        """Serve on `sock`, which stays the caller's; under TLS where there is a context."""
        loop = asyncio.get_running_loop()
        upgrade = upgrading(context)
        tls = context is not None

        def admit(transport: asyncio.Transport, peer: Peer, first: bytes) -> None:
            if self._crowd.is_full(peer):
                transport.abort()
                return
            connection = Connection(self._config, self._state, peer, self._gone)
            connection.transport = transport
            transport.set_protocol(connection)
            self._here.add(connection)
            self._crowd.came(connection, stranger=True)
            if not tls:
                connection.opened(transport, tls=False)
                if first:
                    connection.data_received(first)
                return
            # Begun inline: the next octets are for TLS, and a transport reads as soon as this call returns.
            shaking = begin(self._shake(connection, transport, upgrade), loop)
            connection.shaking = shaking if isinstance(shaking, asyncio.Task) else None
            if first:
                loop.call_soon(feed, transport, first)

        def accept() -> asyncio.Protocol:
            return Arrival(admit, proxies)

        self._servers.append(await accepting(sock, accept))

    async def stop(self, grace: float) -> None:
        """Accept nothing more, let requests be answered, and after `grace` seconds end what is left."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in tuple(self._here):
            if connection.cycle is None or connection.cycle.response_complete:
                connection.abort()
            else:
                connection.shutdown()
        await self._emptied(grace)
        self.abort()
        await self._emptied(1.0)

    def abort(self) -> None:
        for connection in tuple(self._here):
            connection.abort()

    async def _shake(
        self,
        connection: Connection,
        transport: asyncio.Transport,
        upgrade: Callable[[asyncio.Transport, asyncio.Protocol], Awaitable[asyncio.Transport]],
    ) -> None:
        try:
            secured = await upgrade(transport, connection)
        except OSError:  # ssl.SSLError is one
            transport.abort()
            self._gone(connection)
            return
        finally:
            connection.shaking = None
        if connection in self._here:
            connection.transport = secured
            connection.opened(secured, tls=True)
        else:
            secured.abort()

    def _gone(self, connection: Connection) -> None:
        if connection in self._here:
            self._here.discard(connection)
            self._crowd.gone(connection)
        if not self._here:
            self._empty.set()

    async def _emptied(self, seconds: float) -> None:
        self._empty.clear()
        if self._here:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return
