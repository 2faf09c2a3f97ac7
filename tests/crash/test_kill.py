"""kill -9 under load, again and again: what was acknowledged is there, and the store is sound."""

from __future__ import annotations

import random
from collections import Counter

from bench.servers import PillarboxServer, imap
from tests import corpus
from tests.corpora.client import Client as Reader
from tests.crash.load import USERS, Promises, identity, letters, start
from tests.places import LONG

ROUNDS = 10 if LONG else 2
MESSAGES = 1000 if LONG else 300


def test_what_was_acknowledged_survives_a_kill() -> None:
    real = corpus.real()
    chance = random.Random(1)
    promises = Promises()
    with PillarboxServer() as server:
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
