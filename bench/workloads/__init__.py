"""One workload a function, gathered in `ROWS` in the order of the design's table.

A workload gets a `Bench` (one server and what is on it) and returns seconds, or another unit where its
row says so. It raises `NotOffered` when the server does not announce what it is about. Everything that
is not to be measured happens outside its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.client import Client
from bench.servers import BIG as BIG
from bench.servers import Server, imap

USERS = [f"bench{number}@bench.test" for number in range(24)]


class NotOffered(Exception):
    """The server does not announce this."""


@dataclass(slots=True)
class Bench:
    """One server during the run. `messages` are the same for all servers."""

    server: Server
    messages: tuple[bytes, ...]
    round: int = 0
    stored: bool = False  # the messages are in BIG
    clients: list[Client] = field(default_factory=list)

    def connect(self, user: str = USERS[0]) -> Client:
        client = imap(self.server, user)
        self.clients.append(client)
        return client

    def big(self) -> Client:
        """A connection with the big mailbox open, its flags as they were appended."""
        client = self.connect()
        client.command(b"SELECT " + self.server.big)
        return client

    def done(self) -> None:
        for client in self.clients:
            client.close()
        self.clients.clear()


class Clock:
    seconds = 0.0


@contextmanager
def clock() -> Iterator[Clock]:
    """Measures its block; the only place where time is taken."""
    measured = Clock()
    start = time.perf_counter()
    yield measured
    measured.seconds = time.perf_counter() - start


Workload = Callable[[Bench], float]


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    title: str
    goal: float | None  # the ratio to the better Dovecot that the design asks for
    run: Workload
    unit: str = "s"
    worst: bool = False  # where later rounds are flattered by what earlier ones left behind
    limit: float | None = None  # where the design asks for a figure, in the row's unit, and not for a ratio


ROWS: list[Row] = []


def row(
    name: str,
    title: str,
    goal: float | None = None,
    unit: str = "s",
    *,
    worst: bool = False,
    limit: float | None = None,
) -> Callable[[Workload], Workload]:
    def register(run: Workload) -> Workload:
        ROWS.append(Row(name, title, goal, run, unit, worst, limit))
        return run

    return register


def load() -> list[Row]:
    """All rows, in the order of the design's table."""
    # Importing a family registers its rows.
    from bench.workloads import arriving, smtp, select, fetch, store, search, sort, copy, session  # noqa: F401, I001
    from bench.workloads import pop3, idle, push, fairness, cold  # noqa: F401

    return ROWS
