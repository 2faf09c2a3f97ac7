"""Many clients at once that remember exactly what was promised to them.

A promise is a reply: 250 after LMTP DATA, tagged OK after APPEND or STORE. What was sent and not
answered when the server died may be there or not, but never twice and never changed.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field

from bench.client import Client, Lmtp, Refusal, stuffed
from bench.servers import PillarboxServer, imap, lmtp

USERS = [f"crash{number}@example.test" for number in range(4)]
CONNECTIONS = 8  # of each protocol


def identity(message: bytes) -> bytes:
    return message.partition(b"X-Crash: ")[2].partition(b"\r\n")[0]


@dataclass(slots=True)
class Promises:
    """What the server has acknowledged so far, over all rounds."""

    appended: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    delivered: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    keywords: list[tuple[str, int, bytes]] = field(default_factory=list)  # user, UID, keyword
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    enough: threading.Event = field(default_factory=threading.Event)
    wanted: int = 0

    def mail(self, into: dict[bytes, tuple[str, bytes]], user: str, message: bytes) -> None:
        with self.lock:
            into[identity(message)] = (user, message)
            self._count()

    def keyword(self, user: str, uid: int, keyword: bytes) -> None:
        with self.lock:
            self.keywords.append((user, uid, keyword))
            self._count()

    def _count(self) -> None:
        self.count += 1
        if self.count >= self.wanted:
            self.enough.set()

    def next_round(self, wanted: int) -> None:
        self.count, self.wanted = 0, wanted
        self.enough.clear()


_serial = itertools.count(1)


def letters(letters: list[bytes], count: int) -> list[bytes]:
    """Real messages, each with a mark of its own in front."""
    return [b"X-Crash: %07d\r\n" % next(_serial) + letters[at % len(letters)] for at in range(count)]


Work = tuple[Client | Lmtp, Callable[[], None]]


def start(server: PillarboxServer, promises: Promises, messages: list[bytes]) -> list[threading.Thread]:
    """Half of the messages go by LMTP, half by APPEND; one more client sets keywords all the while."""
    half = len(messages) // 2
    work: list[Work] = []
    for number in range(CONNECTIONS):
        user = USERS[number % len(USERS)]
        work.append(_deliveries(server, promises, user, messages[number:half:CONNECTIONS]))
        work.append(_appends(server, promises, user, messages[half + number :: CONNECTIONS]))
    work.append(_flags(server, promises, USERS[0]))
    threads = [threading.Thread(target=_until_it_dies, args=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    return threads


def _until_it_dies(connection: Client | Lmtp, run: Callable[[], None]) -> None:
    with closing(connection), suppress(OSError, Refusal):  # when it is gone, what it promised before counts
        run()


def _deliveries(server: PillarboxServer, promises: Promises, user: str, messages: list[bytes]) -> Work:
    connection = lmtp(server)

    def run() -> None:
        for message in messages:
            connection.deliver(user.encode(), stuffed(message))
            promises.mail(promises.delivered, user, message)

    return connection, run


def _appends(server: PillarboxServer, promises: Promises, user: str, messages: list[bytes]) -> Work:
    client = imap(server, user)

    def run() -> None:
        for message in messages:
            client.append(b"INBOX", [message])
            promises.mail(promises.appended, user, message)

    return client, run


def _flags(server: PillarboxServer, promises: Promises, user: str) -> Work:
    client = imap(server, user)
    client.append(b"Archive", [b"Subject: flagged\r\n\r\nx\r\n"])
    client.command(b"SELECT Archive")
    answer = client.command(b"UID SEARCH ALL")
    uid = int(answer.split(b"\r\n")[0].split()[-1])

    def run() -> None:
        for number in range(100):
            keyword = b"k%d" % number
            client.command(b"UID STORE %d +FLAGS.SILENT (%b)" % (uid, keyword))
            promises.keyword(user, uid, keyword)

    return client, run
