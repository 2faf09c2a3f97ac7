"""Journeys of a fleet, short enough for every run; `make soak` goes on for as long as it is told."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from pillarbox.app import workers
from pillarbox.testing.server import MailServer
from tests.oracle import PASSWORD
from tests.sync.fleet import Place, sail

# A failure says its seed; PILLARBOX_SEED makes the devices want the same again.
SEED = int(os.environ.get("PILLARBOX_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


def place(server: MailServer) -> Place:
    server.add_account("ada@example.test", PASSWORD)
    return Place(server.host, server.imap_port, "ada@example.test", PASSWORD, lambda: server.workers)


@pytest.mark.parametrize("seed", range(1, 4))
def test_one_after_the_other(mail_server: MailServer, seed: int) -> None:
    asyncio.run(sail(place(mail_server), seed, 40, at_once=1))


def test_all_at_once(mail_server: MailServer) -> None:
    asyncio.run(sail(place(mail_server), SEED, 60))


def test_on_workers_that_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LIVED", 0.0)  # they come back at once, however often
    with MailServer(workers=3) as server:
        fleet = asyncio.run(sail(place(server), SEED, 60))
        assert fleet.kills, f"seed {SEED}: nobody was killed"
        server.check()
