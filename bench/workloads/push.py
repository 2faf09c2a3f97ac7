"""How soon a session that waits hears of mail that another process has taken in.

From the reply to the delivery, so from the moment on when the sender may tell the recipient, to the
untagged EXISTS. With several workers the waiting session is on one and the delivery on another: the others
are stopped while a connection is made.
"""

from __future__ import annotations

import select
import statistics
import time

from bench.client import Client, Lmtp, stuffed
from bench.servers import imap, lmtp
from bench.workers import only, workers
from bench.workloads import USERS, Bench, row

DELIVERIES = 1000
FEW = 20  # of a server that takes half a second to notice; a thousand would take ten minutes
SLOW = 0.1  # seconds

_taken: dict[tuple[str, int], list[float]] = {}


@row("heard_median", "LMTP reply to EXISTS on another worker, median of 1,000", None, "ms")
def heard_median(bench: Bench) -> float:
    return statistics.median(_latencies(bench)) * 1000


@row("heard_p99", "the same, 99th percentile", None, "ms")
def heard_p99(bench: Bench) -> float:
    taken = sorted(_latencies(bench))
    return taken[len(taken) * 99 // 100] * 1000


def _latencies(bench: Bench) -> list[float]:
    """Both rows speak of the same deliveries."""
    key = bench.server.name, bench.round
    if key not in _taken:
        _taken[key] = _measure(bench)
    return _taken[key]


def _measure(bench: Bench) -> list[float]:
    everyone = workers(bench.server)
    with only(everyone[:1], everyone):
        client = imap(bench.server, USERS[11])
    with only(everyone[1:2], everyone):
        delivery = lmtp(bench.server)
    client.command(b"SELECT INBOX")
    client.send(b"IDLE")
    client.line()
    message = stuffed(bench.messages[0])
    taken: list[float] = []
    try:
        while len(taken) < DELIVERIES and not (len(taken) >= FEW and statistics.median(taken) > SLOW):
            taken.append(_one(client, delivery, message))
    finally:
        client.close()
        delivery.close()
    return taken


def _one(client: Client, delivery: Lmtp, message: bytes) -> float:
    """Whichever comes first, each is stamped when it comes; what was heard before the reply took no time."""
    delivery.socket.sendall(b"MAIL FROM:<bench@bench.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % USERS[11].encode())
    delivery.replies(3)
    delivery.socket.sendall(message + b".\r\n")
    replied = heard = 0.0
    while not (replied and heard):
        ready, _, _ = select.select([client.socket, delivery.socket], [], [])
        now = time.perf_counter()
        if delivery.socket in ready and not replied:
            delivery.replies(1)
            replied = now
        if client.socket in ready:
            while b"EXISTS" not in client.line():
                pass
            while b"\n" in client.rest:
                client.line()
            heard = now
    return max(0.0, heard - replied)
