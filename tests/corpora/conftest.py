"""The corpora through the front door: appended, fetched, searched over IMAP."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD, dovecot

__all__ = ["dovecot"]


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running
        running.check()


@pytest.fixture
def address(server: MailServer, request: pytest.FixtureRequest) -> str:
    """A fresh account; its password is `PASSWORD`."""
    name = f"{re.sub('[^a-z]+', '-', request.node.name)}@example.test"
    server.add_account(name, PASSWORD)
    return name
