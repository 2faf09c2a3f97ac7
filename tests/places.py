"""A place where mail is, whoever serves it: what the tests with real clients ask for.

The same test runs on our server and on Dovecot. Where it fails on Dovecot, the test is wrong.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from imapclient import IMAPClient

from pillarbox.testing.server import MailServer
from tests.oracle import BINARY, HAS_POP3, PASSWORD, Dovecot

LONG = bool(os.environ.get("PILLARBOX_LONG"))  # the full counts; smaller ones keep `make test` quick

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    host: str
    imap: int
    imaps: int
    lmtp: Callable[[], int]
    pop3: int  # 0: nobody speaks it here
    pop3s: int
    certificate: str
    make: Callable[[str], None]

    def account(self) -> str:
        """A fresh address; its password is `PASSWORD`."""
        address = f"user{next(_numbers)}@example.test"
        self.make(address)
        return address

    def client(self, address: str) -> IMAPClient:
        """A connection that has logged in, for preparing and for looking afterwards."""
        client = IMAPClient(self.host, self.imap, ssl=False, timeout=30)
        client.login(address, PASSWORD)
        return client


@pytest.fixture(scope="module", params=["pillarbox", "dovecot"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "dovecot":
        if BINARY is None:
            pytest.skip("Dovecot is not installed")
        with Dovecot() as server:
            ports = server.ports
            certificate = str(server.folder / "cert.pem")
            yield Place(
                "dovecot",
                server.host,
                ports.imap,
                ports.imaps,
                lambda: ports.lmtp,
                ports.pop3 if HAS_POP3 else 0,
                ports.pop3s if HAS_POP3 else 0,
                certificate,
                lambda _: None,
            )
    else:
        with MailServer() as ours:
            yield Place(
                "pillarbox",
                ours.host,
                ours.imap_port,
                ours.imaps_port,
                lambda: ours.lmtp_port,
                ours.pop3_port,
                ours.pop3s_port,
                str(ours.certificate),
                lambda address: ours.add_account(address, PASSWORD),
            )
            ours.check()
