"""kill -9 under load, again and again: what was acknowledged is there, and the store is sound."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from bench.servers import PillarboxServer, imap
from tests import corpus
from tests.corpora.client import Client as Reader
from tests.crash.load import USERS, Promises, identity, letters, start
from tests.places import LONG

ROUNDS = 10 if LONG else 2
MESSAGES = 1000 if LONG else 300


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_acknowledged_survives_a_kill(workers: int) -> None:
    real = corpus.real()
    chance = random.Random(1)
    promises = Promises()
    with PillarboxServer(workers) as server:
        server.ensure(USERS)
        for number in range(ROUNDS):
            # Killed somewhere in the middle, at a point no client chose.
            promises.next_round(chance.randrange(MESSAGES // 10, MESSAGES * 9 // 10))
            threads = start(server, promises, letters(real, MESSAGES))
            assert promises.enough.wait(120), f"round {number + 1}: only {promises.count} acknowledged"
            server.kill()
            for thread in threads:
                thread.join(30)
            server.start()
            assert missing(server, promises) == [], f"round {number + 1}"
        for user in USERS:
            imap(server, user).close()  # every account opens
        server.stop()
        checked = server.check()
        assert checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode()


def test_what_was_acknowledged_survives_the_kill_of_a_worker() -> None:
    """The server goes on without it, and so do half of the clients."""
    real = corpus.real()
    chance = random.Random(2)
    promises = Promises()
    with PillarboxServer(2) as server:
        server.ensure(USERS)
        for number in range(ROUNDS):
            promises.next_round(chance.randrange(MESSAGES // 10, MESSAGES // 4))
            threads = start(server, promises, letters(real, MESSAGES))
            assert promises.enough.wait(120), f"round {number + 1}: only {promises.count} acknowledged"
            os.kill(chance.choice(children(server.pid)), signal.SIGKILL)
            for thread in threads:
                thread.join(60)
            assert missing(server, promises) == [], f"round {number + 1}"
        server.stop()
        checked = server.check()
        assert checked.returncode == 0, checked.stdout.decode() + checked.stderr.decode()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def missing(server: PillarboxServer, promises: Promises) -> list[str]:
    """Every promise that was not kept, in words."""
    wrong: list[str] = []
    for user in USERS:
        with Reader("127.0.0.1", server.imap_port, user) as client:
            client.ok(b"EXAMINE INBOX")
            stored = client.literals(b"FETCH 1:* BODY.PEEK[]")
        counts = Counter(identity(message) for message in stored.values())
        wrong += [f"{user}: {mark!r} is there {count} times" for mark, count in counts.items() if count > 1]
        by_mark = {identity(message): message for message in stored.values()}
        wrong += [
            f"{user}: appended {mark!r} is {'changed' if mark in by_mark else 'lost'}"
            for mark, (owner, message) in promises.appended.items()
            if owner == user and by_mark.get(mark) != message
        ]
        # A delivery puts trace fields in front; the message follows as it was sent.
        wrong += [
            f"{user}: delivered {mark!r} is {'changed' if mark in by_mark else 'lost'}"
            for mark, (owner, message) in promises.delivered.items()
            if owner == user and not by_mark.get(mark, b"").endswith(message)
        ]
    return wrong + _lost_keywords(server, promises)


def _lost_keywords(server: PillarboxServer, promises: Promises) -> list[str]:
    wrong = []
    for user in {user for user, _, _ in promises.keywords}:
        with Reader("127.0.0.1", server.imap_port, user) as client:
            client.ok(b"EXAMINE Archive")
            for owner, uid, keyword in promises.keywords:
                if owner == user:
                    (found,) = client.ok(b"UID SEARCH UID %d KEYWORD %b" % (uid, keyword))
                    if found[0].split()[-1] != b"%d" % uid:
                        wrong.append(f"{user}: {uid} has lost {keyword!r}")
    return wrong
