"""A part of DNS for tests, and pairs of servers that send mail to each other by it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pillarbox.app.config import Config, Listen, Outbound
from pillarbox.delivery.outbound.resolver import NoAnswer, NoSuchName
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD


@dataclass
class Zone:
    """`mails`: domain -> its MX records; `hosts`: name -> its addresses. Those in `broken` give no answer."""

    mails: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def mx(self, domain: str) -> Sequence[tuple[int, str]]:
        self.asked.append(domain)
        if domain in self.broken:
            raise NoAnswer(domain)
        if domain not in self.mails and domain not in self.hosts:
            raise NoSuchName(domain)
        return self.mails.get(domain, [])

    async def addresses(self, host: str) -> Sequence[str]:
        if host in self.broken:
            raise NoAnswer(host)
        if host not in self.hosts:
            raise NoSuchName(host)
        return self.hosts[host]


HOSTS = {"mx.one.test": "127.0.0.11", "mx.two.test": "127.0.0.12"}


def common_port() -> int:
    """A port that is free on all these addresses of loopback."""
    while True:
        with ExitStack() as stack:
            port = 0
            try:
                for address in (*HOSTS.values(), "127.0.0.21"):
                    sock = stack.enter_context(socket.socket())
                    sock.bind((address, port))
                    port = sock.getsockname()[1]
            except OSError:
                continue
            return port


def config(name: str, port: int, **more: Any) -> Config:
    return Config(
        hostname=name,
        listen=Listen(smtp=f"{HOSTS[name]}:{port}"),
        outbound=Outbound(port=port),
        **more,
    )


@contextmanager
def neighbours(**more: Any) -> Iterator[tuple[MailServer, MailServer, Zone]]:
    """ann@one.test on the first, bob@two.test on the second."""
    zone = Zone({"one.test": [(10, "mx.one.test")], "two.test": [(10, "mx.two.test")]})
    zone.hosts = {name: [address] for name, address in HOSTS.items()}
    port = common_port()
    with (
        MailServer(config("mx.one.test", port, **more), resolver=zone) as one,
        MailServer(config("mx.two.test", port), resolver=zone) as two,
    ):
        one.add_account("ann@one.test", PASSWORD)
        two.add_account("bob@two.test", PASSWORD)
        yield one, two, zone
        one.check()
        two.check()
