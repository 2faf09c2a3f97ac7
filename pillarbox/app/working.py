"""The share of one process in serving: its listeners on sockets that are bound already, and what they need.

A server of one process has one of these, a server of several workers one in each.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from socket import socket
from typing import TYPE_CHECKING

from pillarbox.app.config import Config
from pillarbox.app.guard import Guard, rules
from pillarbox.app.metering import rates
from pillarbox.app.wiring import PROTOCOLS, WEB, Core, Report, Sessions, core, sessions
from pillarbox.filter.dns import Resolve
from pillarbox.identity.pool import network
from pillarbox.net.address import spell
from pillarbox.net.arrive import Networks
from pillarbox.net.certificates import Certificates, Material
from pillarbox.net.crowd import Bounds, Crowd
from pillarbox.net.listen import Listener, Listening
from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel

if TYPE_CHECKING:
    from pillarbox.web.serving import Gateway

GRACE = 10.0  # seconds that sessions have to end by themselves when the server stops


@dataclass(frozen=True, slots=True)
class Working:
    parts: Core
    sessions: Sessions
    certificates: Certificates
    listening: Listening
    guard: Guard
    crowd: Crowd
    gateway: "Gateway | None" = None

    def adopt(self, config: Config, material: Material) -> None:
        """Serve new connections with another configuration and certificate; who is here does not notice."""
        self.certificates.adopt(material)
        self.guard.ledger.rules = rules(config.abuse)
        self.guard.meter.rates = rates(config.mx)
        self.crowd.bounds = bounds(config)
        self.sessions.configure(config)

    def look_again(self) -> None:
        """Have every session that listens look whether anything has changed."""
        self.parts.store.look_again()

    def hurry(self) -> None:
        """End the sessions that are left while `working` is being left."""
        self.listening.abort()
        if self.gateway is not None:
            self.gateway.abort()


@asynccontextmanager
async def working(
    config: Config,
    material: Material,
    sockets: Iterable[tuple[str, socket]],
    report: Report,
    guard: Guard,
    resolve: Resolve | None = None,
) -> AsyncIterator[Working]:
    """Serve `sockets`, each with its protocol, until the context is left; leaving it drains for `GRACE`
    seconds. The sockets stay the caller's to close, best before leaving."""

    def on_error(error: BaseException, peer: Peer) -> None:
        report(error, peer)

    certificates = Certificates(material)
    wheel = Wheel()
    crowd = Crowd(wheel, bounds(config), lambda peer: _network(peer, guard))
    listening = Listening(wheel, on_error, crowd)
    sockets = list(sockets)
    async with core(config, resolve=resolve) as parts:
        with sessions(config, parts, report, guard, _ports(sockets)) as made:
            gateway = _gateway(sockets, made, crowd)
            try:
                for protocol, sock in sockets:
                    if gateway is not None and PROTOCOLS[protocol].room == WEB:
                        row = PROTOCOLS[protocol]
                        context = certificates.finder(*row.alpn) if row.tls == "implicit" else None
                        await gateway.start(sock, context, _proxies(config, protocol))
                    else:
                        await listening.start(_listener(protocol, sock, config, made, certificates), [sock])
                yield Working(parts, made, certificates, listening, guard, crowd, gateway)
            finally:
                leaving = [listening.stop(GRACE), *([gateway.stop(GRACE)] if gateway else ())]
                await asyncio.gather(*leaving)


def _listener(
    protocol: str, sock: socket, config: Config, made: Sessions, certificates: Certificates
) -> Listener:
    row = PROTOCOLS[protocol]
    return Listener(
        spell(sock),
        made[row.room],
        row.tls,
        certificates.finder(*row.alpn),
        row.refusal(config.hostname),
        logs_in=row.logs_in,
        proxies=_proxies(config, protocol),
    )


def _gateway(sockets: Iterable[tuple[str, socket]], made: Sessions, crowd: Crowd) -> "Gateway | None":
    if not _ports(sockets):
        return None
    from pillarbox.web.serving import Gateway  # 4 MB that not every server needs

    return Gateway(made.answer, crowd)


def _proxies(config: Config, protocol: str) -> Networks:
    networks = config.proxy.networks if protocol in config.proxy.protocols else ()
    return tuple(ip_network(each, strict=False) for each in networks)


def _ports(sockets: Iterable[tuple[str, socket]]) -> dict[str, int]:
    """Of HTTP; a Unix socket, which has none, is behind somebody with the usual one."""
    found: dict[str, int] = {}
    for protocol, sock in sockets:
        if PROTOCOLS[protocol].room == WEB:
            name = sock.getsockname()
            usual = 443 if protocol == "https" else 80
            found.setdefault(protocol, name[1] if isinstance(name, tuple) else usual)
    return found


def bounds(config: Config) -> Bounds:
    """The share of one process."""
    limits, workers = config.limits, config.workers or 1

    def share(number: int) -> int:
        return -(-number // workers)

    return Bounds(
        share(limits.connections),
        share(limits.connections_each),
        share(limits.strangers),
        share(limits.strangers_each),
        limits.login,
    )


def _network(peer: Peer, guard: Guard) -> str:
    named = network(peer.address)
    return "" if guard.ledger.is_exempt(named) else named
