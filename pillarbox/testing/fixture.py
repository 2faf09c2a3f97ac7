"""The pytest plugin: one fixture, `mail_server`. Registered as an entry point, so it must stay light."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pillarbox.testing.server import MailServer


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A running server without accounts; its store is checked when the test is over."""
    from pillarbox.testing.server import MailServer

    with MailServer() as server:
        yield server
        server.check()
