"""`python -m bench.queue`: a server that starts with 100,000 messages in its queue.

A third waits for later, a third is due and its hosts do not answer, a third goes to one that takes it.
Measured: until the server answers, `pillarbox queue list`, what one who submits waits, and memory.
"""

from __future__ import annotations

import argparse
import os
import random
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.servers import PillarboxServer, family, memory
from pillarbox.delivery.queue import waiting
from pillarbox.delivery.queue.database import opened
from pillarbox.delivery.queue.entries import Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from tests.oracle import PASSWORD
from tests.sink import Sink

USER = "ann@bench.test"
LATER = 10_000  # seconds
BATCH = 5_000
DRAIN = 60  # seconds that are watched while it empties


def fill(folder: Path, count: int) -> None:
    """Straight into the database, as the server would have written it."""
    folder.mkdir(exist_ok=True)
    now = int(time.time())
    with opened(folder) as db:
        for start in range(0, count, BATCH):
            with db.transaction(durable=False):
                waiting.put(db, [_new(number, now) for number in range(start, min(start + BATCH, count))])


def _new(number: int, now: int) -> New:
    words = "\r\n".join(f"{random.getrandbits(240):060x}" for _ in range(30))  # a page, hard to compress
    content = f"From: <{USER}>\r\nSubject: {number}\r\n\r\n{words}\r\n".encode()
    letter = Letter(f"bench-{number}", USER, small(content), now, f"{number}@bench.test", 1)
    kind = number % 3
    domain = ("later.test", "dead.test", "sink.test")[kind]
    to = f"user{number}@{domain}"
    return New(letter, (Waiting(to, to, due_at=now + LATER if kind == 0 else 0),))


def listed(server: PillarboxServer, *arguments: str) -> tuple[float, float, int]:
    """Seconds, megabytes of memory at most, and lines."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pillarbox", "--config", str(server.config), "queue", "list", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - began, usage.ru_maxrss / 1000, lines


def submissions(port: int, count: int) -> list[float]:
    """What each takes, from MAIL to the reply after the dot."""
    taken = []
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.login(USER, PASSWORD)
        for number in range(count):
            began = time.monotonic()
            smtp.sendmail(USER, [f"new{number}@later.test"], f"Subject: new {number}\r\n\r\nhello\r\n")
            taken.append(time.monotonic() - began)
    return taken


def measure(count: int) -> Iterator[tuple[str, Any]]:
    yield "messages", count
    server = PillarboxServer(2)
    with Sink(port=server.sink_port) as sink:
        port = server.submission_port
        more = "".join(
            f'[[outbound.smarthosts]]\nhost = "127.0.0.1"\nport = 1\ntls = "opportunistic"\n'
            f'domains = ["{domain}"]\n'
            for domain in ("dead.test", "later.test")
        )
        server.config.write_text(server.config.read_text() + more)
        try:
            server.ensure([USER])
            began = time.monotonic()
            fill(server.mail, count)
            yield "filled", time.monotonic() - began
            yield "queue.db MB", (server.mail / "queue.db").stat().st_size / 1e6
            began = time.monotonic()
            server.start()
            yield "start", time.monotonic() - began
            early = submissions(port, 100)
            yield "submission ms, at once, median", statistics.median(early) * 1000
            yield "submission ms, at once, longest", max(early) * 1000
            yield "queue list s, MB, lines", listed(server)
            yield "queue list --json s, MB, lines", listed(server, "--json")
            most, drained = 0, time.monotonic()
            late: list[float] = []
            while not late or (len(sink.taken) < count // 3 and time.monotonic() - drained < DRAIN):
                late += submissions(port, 20)
                most = max(most, *(memory(pid) for pid in family(server.pid)[1:]))
                sink.wait(lambda: False, 0.5)
            yield "sent, and in s", (len(sink.taken), time.monotonic() - drained)
            yield "submission ms, meanwhile, median", statistics.median(late) * 1000
            yield "submission ms, meanwhile, longest", max(late) * 1000
            yield "largest process MB", most / 1e6
            yield "all processes MB", memory(server.pid) / 1e6
        finally:
            server.__exit__()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.queue")
    parser.add_argument("--messages", type=int, default=100_000)
    wanted = parser.parse_args()
    for key, value in measure(wanted.messages):
        shown = [f"{each:.2f}" for each in value] if isinstance(value, tuple) else f"{value:.1f}"
        print(f"{key:<40} {', '.join(shown) if isinstance(shown, list) else shown}", flush=True)


if __name__ == "__main__":
    main()
