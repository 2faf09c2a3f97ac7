"""How long a small command waits while another client asks for everything.

Both are served by the same worker, which is the worse half of what several workers give; a server with a
process for each client has no such halves. The design's goal is a time, 3 ms for the slowest in a hundred.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from bench.servers import HOST, imap
from bench.workers import only, workers
from bench.workloads import BIG, USERS, Bench, NotOffered, clock, row
from tests.oracle import PASSWORD

SECONDS = 2.0
WARM = 20  # NOOPs before those that count

_taken: dict[tuple[str, int, str], list[float]] = {}

EAGER = {
    "fetch": ("FETCH 1:* (UID BODY.PEEK[])", "FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE)"),
    "search": ("SEARCH BODY qqzzxj", "SEARCH TEXT qqzzxj"),
    "sort": ("SORT (REVERSE DATE) UTF-8 ALL", "SORT (SUBJECT) UTF-8 ALL"),
    "thread": ("THREAD REFERENCES UTF-8 ALL",),
}


@row("fair-fetch", "NOOP while another fetches everything, 99th percentile", None, "ms", limit=3)
def fetch(bench: Bench) -> float:
    return _slowest(bench, "fetch")


@row("fair-fetch-median", "the same, median", None, "ms")
def fetch_median(bench: Bench) -> float:
    return _median(bench, "fetch")


@row("fair-search", "NOOP while another searches for an absent word, 99th percentile", None, "ms", limit=3)
def search(bench: Bench) -> float:
    return _slowest(bench, "search")


@row("fair-search-median", "the same, median", None, "ms")
def search_median(bench: Bench) -> float:
    return _median(bench, "search")


@row("fair-sort", "NOOP while another sorts everything, 99th percentile", None, "ms", limit=3)
def sort(bench: Bench) -> float:
    return _slowest(bench, "sort")


@row("fair-sort-median", "the same, median", None, "ms")
def sort_median(bench: Bench) -> float:
    return _median(bench, "sort")


@row("fair-thread", "NOOP while another threads everything, 99th percentile", None, "ms", limit=3)
def thread(bench: Bench) -> float:
    return _slowest(bench, "thread")


@row("fair-thread-median", "the same, median", None, "ms")
def thread_median(bench: Bench) -> float:
    return _median(bench, "thread")


def _slowest(bench: Bench, what: str) -> float:
    waits = sorted(_waits(bench, what))
    return waits[len(waits) * 99 // 100] * 1000


def _median(bench: Bench, what: str) -> float:
    return statistics.median(_waits(bench, what)) * 1000


def _waits(bench: Bench, what: str) -> list[float]:
    """Both rows speak of the same commands."""
    key = bench.server.name, bench.round, what
    if key not in _taken:
        _taken[key] = _measure(bench, EAGER[what])
    return _taken[key]


def _measure(bench: Bench, commands: tuple[str, ...]) -> list[float]:
    everyone = workers(bench.server)
    port = str(bench.server.imap_port)
    waits: list[float] = []
    with only(everyone[:1], everyone):
        patient = imap(bench.server, USERS[1])
        bench.clients.append(patient)
        eager = subprocess.Popen(
            [sys.executable, "-m", "bench.eager", port, USERS[0], PASSWORD, BIG.decode(), *commands],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert eager.stdin and eager.stdout
        begun = eager.stdout.readline()
    with eager:
        if begun != b"begun\n":
            raise OSError(f"nobody is eager on {HOST}")
        for _ in range(WARM):
            patient.command(b"NOOP")
        while sum(waits) < SECONDS:
            with clock() as measured:
                patient.command(b"NOOP")
            waits.append(measured.seconds)
        eager.stdin.close()
        if refusal := eager.stdout.readline():
            raise NotOffered(refusal.decode().strip())
    return waits
