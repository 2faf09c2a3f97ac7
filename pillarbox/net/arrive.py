"""Before a session: who has come, for whom a proxy speaks, and whether there is room.

A connection from a network that proxies are in begins with a PROXY header and is nothing without; from
elsewhere such a header is what the protocol makes of it, a command it does not know, and the last.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import cast

from pillarbox.net import proxy
from pillarbox.net.driver import Driver
from pillarbox.net.peer import peer_of
from pillarbox.net.proxy import ProxySyntax
from pillarbox.net.session import Peer

PATIENCE = 10.0  # seconds that a proxy has for its header

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


Admit = Callable[[asyncio.Transport, Peer, bytes], None]


class Arrival(asyncio.Protocol):
    """`admit` is given the transport, who is at the other end, and what he has said already."""

    __slots__ = ("_admit", "_octets", "_patience", "_proxies", "_transport")
    _transport: asyncio.Transport

    def __init__(self, admit: Admit, proxies: Networks) -> None:
        self._admit = admit
        self._proxies = proxies
        self._octets = b""
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = peer_of(transport)
        if self._proxies and is_within(peer, self._proxies):
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._transport.abort)
        else:
            self._admit(self._transport, peer, b"")

    def data_received(self, data: bytes) -> None:
        self._octets += data
        try:
            header = proxy.read(self._octets)
        except ProxySyntax:
            self._transport.abort()
            return
        if header is None:
            return
        assert self._patience is not None
        self._patience.cancel()
        peer = peer_of(self._transport)
        if header.source is not None:
            peer = Peer(*header.source, is_loopback=ipaddress.ip_address(header.source[0]).is_loopback)
        self._admit(self._transport, peer, self._octets[header.size :])

    def connection_lost(self, reason: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()


class Listened(asyncio.Protocol):
    """Between a transport and what is spoken on it, until the first word: a PROXY header, from where no proxy
    is, is heard as what it is in the protocol, and nothing after it. Somebody is set up wrong, or lies."""

    __slots__ = ("_spoken", "_transport")

    def __init__(self, transport: asyncio.Transport, spoken: Driver) -> None:
        self._transport = transport
        self._spoken = spoken

    def data_received(self, data: bytes) -> None:
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._spoken)
        self._spoken.data_received(data)
        if data.startswith((b"PROXY ", proxy.SIGNATURE)):
            self._spoken.close()

    def eof_received(self) -> bool | None:
        return self._spoken.eof_received()

    def pause_writing(self) -> None:
        self._spoken.pause_writing()

    def resume_writing(self) -> None:
        self._spoken.resume_writing()

    def connection_lost(self, reason: Exception | None) -> None:
        self._spoken.connection_lost(reason)


class Refusal(asyncio.Protocol):
    """Says why nobody comes in, in the words of the protocol."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writable = cast(asyncio.WriteTransport, transport)
        if self._words:
            writable.write(self._words)
        writable.close()


def is_within(peer: Peer, networks: Networks) -> bool:
    try:
        address = ipaddress.ip_address(peer.address)
    except ValueError:  # a Unix socket
        return False
    return any(address in network for network in networks)
