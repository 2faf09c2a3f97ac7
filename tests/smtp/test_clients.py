"""A client that is not ours: the standard library's, over TCP and over a Unix socket."""

import asyncio
import datetime
import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pillarbox.net.address import bind, release, spell
from pillarbox.net.listen import Listener, Listening
from pillarbox.net.tls import read_pair, server_context, write_self_signed
from pillarbox.net.wheel import Wheel
from pillarbox.smtp.profile import LMTP
from pillarbox.smtp.session import Service, Session
from tests.delivery.office import ANN, BOB, HOST, Office, office

MESSAGE = b"Subject: hello\r\n\r\n.one\r\ntwo\r\n"


def serve(folder: Path, address: str, talk: Callable[[str], Any], look: Callable[[Office], Any]) -> None:
    """Run `talk(address)` in a thread beside a server, then `look` at what was filed."""
    write_self_signed(folder / "cert.pem", folder / "key.pem", HOST, datetime.datetime.now(datetime.UTC))
    context = server_context(read_pair(folder / "cert.pem", folder / "key.pem"))

    async def scene() -> None:
        async with office(folder / "data") as here:
            service = Service(LMTP, HOST, here.post, here.errors.append, lambda: "X1", starttls=True)
            listening = Listening(Wheel(), lambda error, peer: here.errors.append(error))
            sockets = bind(address)
            where = spell(sockets[0])
            await listening.start(Listener(where, lambda: Session(service), "starttls", context), sockets)
            try:
                await asyncio.to_thread(talk, where)
            finally:
                await listening.stop(grace=1)
                release(sockets)
            await look(here)
            assert here.errors == []

    uvloop.run(scene())


def connected(address: str) -> smtplib.LMTP:
    if address.startswith("unix:"):
        return smtplib.LMTP(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return smtplib.LMTP(host, int(port), local_hostname="client.test")


@pytest.mark.parametrize("kind", ["tcp", "unix", "starttls"])
def test_smtplib(tmp_path: Path, kind: str) -> None:
    def talk(address: str) -> None:
        with connected(address) as client:
            if kind == "starttls":
                client.starttls(context=ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
            client.ehlo()  # which smtplib spells LHLO here
            assert client.has_extn("pipelining")
            client.mail("who@else.test", [f"SIZE={len(MESSAGE)}"])
            assert client.rcpt("ann@example.test")[0] == 250
            assert client.rcpt("nobody@example.test")[0] == 550
            assert client.data(MESSAGE) == (250, b"2.1.5 <ann@example.test> Delivered")
            assert client.sendmail("", ["bob@example.test"], MESSAGE) == {}

    async def look(here: Office) -> None:
        [ann] = await here.filed(ANN)
        [bob] = await here.filed(BOB)
        assert ann.raw.endswith(MESSAGE)
        assert bob.raw.startswith(b"Return-Path: <>\r\n")
        protocol = b"LMTPS (TLSv1.3 " if kind == "starttls" else b"LMTP id X1"
        assert b" with " + protocol in ann.raw

    address = f"unix:{tmp_path}/lmtp" if kind == "unix" else "127.0.0.1:0"
    if kind == "starttls":
        address = "localhost:0"
    serve(tmp_path, address, talk, look)
