"""A part of DNS for tests, and pairs of servers that send mail to each other by it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pillarbox.app.config import Config, Listen, Outbound
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Found, Kind, Question
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD


@dataclass
class Zone:
    """`mails`: domain -> its MX records; `hosts`: name -> its addresses; `texts`, `tlsas`: name -> records.
    Those in `broken` give no answer; of those in `secure`, and all if it is None, DNSSEC vouches."""

    mails: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    texts: dict[str, list[str]] = field(default_factory=dict)
    tlsas: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    secure: set[str] | None = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, question: Question) -> Answer:
        name = question.name
        if question.kind in (Kind.MX, Kind.TXT, Kind.TLSA):
            self.asked.append(name)
        if name in self.broken:
            return TROUBLE
        led_to = self.aliases.get(name, "")
        name = led_to or name
        values, preferences = self._records(name, question.kind)
        if values:
            secure = self.secure is None or question.name in self.secure
            return Answer(Found.RECORDS, values, preferences, secure, led_to)
        known = any(name in each for each in (self.mails, self.hosts, self.texts, self.tlsas))
        return NO_DATA if known else NO_NAME

    def _records(self, name: str, kind: Kind) -> tuple[tuple[str, ...], tuple[int, ...]]:
        if kind is Kind.MX:
            mails = sorted(self.mails.get(name, []))
            return tuple(host for _, host in mails), tuple(preference for preference, _ in mails)
        if kind in (Kind.A, Kind.AAAA):
            found = self.hosts.get(name, [])
            return tuple(each for each in found if (":" in each) is (kind is Kind.AAAA)), ()
        where = {Kind.TXT: self.texts, Kind.TLSA: self.tlsas}.get(kind, {})
        return tuple(where.get(name, [])), ()


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
