"""What a running MX lets networks do, counted over all its processes."""

import json
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.arriving import List, Mx
from pillarbox.app.config import Abuse, Config, ConfigError, parse, reloaded
from pillarbox.testing.server import MailServer

BUSY, NEIGHBOUR = "127.0.0.66", "127.0.0.77"


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    config = Config(abuse=Abuse(exempt=()), mx=Mx(connections_per_hour=5))
    with MailServer(config, workers=request.param) as server:
        server.add_account("kim@example.test", "secret of kim")
        yield server
        server.check()


def greeting(server: MailServer, source: str) -> bytes:
    with socket.create_connection((server.host, server.smtp_port), 30, (source, 0)) as sock:
        return sock.makefile("rb").readline()


def test_all_workers_count_together(server: MailServer) -> None:
    greetings = [greeting(server, BUSY) for _ in range(5)]
    assert {line[:4] for line in greetings} == {b"220 "}
    # What one worker saw the other knows a moment later; each look is a connection.
    refused = 0
    for _ in range(200):
        refused = refused + 1 if greeting(server, BUSY).startswith(b"421 4.7.0 ") else 0
        if refused == 20:
            break
    assert refused == 20
    with smtplib.SMTP(server.host, server.smtp_port, source_address=(NEIGHBOUR, 0)) as smtp:
        assert smtp.sendmail("who@else.test", ["kim@example.test"], "Subject: x\r\n\r\n") == {}


CONFIG = """
[mx]
greylist = true
[[mx.lists]]
zone = "bl.example.org"
codes = ["127.0.0.2", "127.0.0.4/30"]
[[mx.lists]]
zone = "dbl.example.org"
of = "domain"
weight = 5
"""


def test_lists_are_configured_and_reloaded() -> None:
    config = parse(CONFIG)
    assert config.mx.lists[0] == List("bl.example.org", codes=("127.0.0.2", "127.0.0.4/30"))
    assert reloaded(Config(), config) == (config, [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[mx.lists]]\nzone = "a.b"\ncodes = ["10.0.0.1"]', '"10.0.0.1" is no answer of a list'),
        ("[[mx.lists]]\nweight = 1", "mx.lists"),
        ('[mx]\nreverse_dns = "yes"', 'mx.reverse_dns: must be one of "off", "note", "refuse"'),
        ('[mx]\nexempt = ["here"]', 'mx.exempt: "here" is not a network'),
        ("[mx]\ngrey = true", "the nearest is mx.greylist"),
    ],
)
def test_mistakes_are_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(text)


def test_a_list_is_asked_over_the_wire(tmp_path: Path) -> None:
    # All of it: configuration, XCLIENT, a DNS server, the answer.
    import asyncio

    from tests.app.dns_server import dns_server, of

    zone = {
        ("2.0.0.127.bl.test", "A"): ["127.0.0.2"],
        ("7.2.0.192.bl.test", "A"): ["127.0.0.2"],
        ("7.2.0.192.bl.test", "TXT"): ['"ask bl.test"'],
    }

    def talk(server: MailServer) -> Any:
        with smtplib.SMTP(server.host, server.smtp_port) as smtp:
            assert smtp.docmd("XCLIENT", "ADDR=192.0.2.7 HELO=out.else.test")[0] == 220
            smtp.ehlo("out.else.test")
            smtp.mail("who@else.test")
            return smtp.rcpt("kim@example.test")

    async def play() -> Any:
        async with dns_server(of(zone, {})) as address:
            text = f"""
            dns = {json.dumps([address])}
            [proxy]
            xclient = ["127.0.0.0/8"]
            [[mx.lists]]
            zone = "bl.test"
            """
            return await asyncio.to_thread(run, parse(text))

    def run(config: Config) -> Any:
        with MailServer(config) as server:
            server.add_account("kim@example.test", "secret of kim")
            said = talk(server)
            server.check()
            return said

    assert asyncio.run(play()) == (554, b"5.7.1 192.0.2.7 is listed at bl.test: ask bl.test")
