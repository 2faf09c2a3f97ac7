"""The real resolver, against a small server of ours on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from pillarbox.delivery.outbound.resolver import Dns, NoAnswer, NoSuchName

RECORDS = {
    ("one.test.", "MX"): ["20 b.one.test.", "10 a.one.test."],
    ("null.test.", "MX"): ["0 ."],
    ("a.one.test.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("a.one.test.", "AAAA"): ["2001:db8::1"],
}
NAMES = {name for name, _ in RECORDS} | {"bare.test."}


def answer(query: dns.message.Message) -> dns.message.Message:
    made = dns.message.make_response(query)
    made.flags |= dns.flags.RA
    [question] = query.question
    name, kind = str(question.name), question.rdtype.name
    if name == "broken.test.":
        made.set_rcode(dns.rcode.SERVFAIL)
    elif name not in NAMES:
        made.set_rcode(dns.rcode.NXDOMAIN)
    elif (name, kind) in RECORDS:
        made.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *RECORDS[name, kind]))
    return made


@pytest.fixture
def resolver() -> Iterator[Dns]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, peer = sock.recvfrom(4096)
                if not data:
                    return
                sock.sendto(answer(dns.message.from_wire(data)).to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Dns([f"127.0.0.1:{sock.getsockname()[1]}"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", sock.getsockname())
        thread.join()


def test_mail_exchangers(resolver: Dns) -> None:
    async def play() -> None:
        assert sorted(await resolver.mx("one.test")) == [(10, "a.one.test"), (20, "b.one.test")]
        assert list(await resolver.mx("null.test")) == [(0, ".")]
        assert list(await resolver.mx("bare.test")) == []
        with pytest.raises(NoSuchName):
            await resolver.mx("no.test")
        with pytest.raises(NoAnswer):
            await resolver.mx("broken.test")

    asyncio.run(play())


def test_addresses(resolver: Dns) -> None:
    async def play() -> None:
        found = list(await resolver.addresses("a.one.test"))
        assert (sorted(found[:2]), found[2:]) == (["192.0.2.1", "192.0.2.2"], ["2001:db8::1"])
        assert list(await resolver.addresses("bare.test")) == []
        with pytest.raises(NoSuchName):
            await resolver.addresses("no.test")
        with pytest.raises(NoAnswer):
            await resolver.addresses("broken.test")

    asyncio.run(play())
