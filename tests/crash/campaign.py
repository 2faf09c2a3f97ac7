"""kill -9 of whoever works, at random moments, while mail comes in and goes out; and the count afterwards.

    python -m tests.crash.campaign --rounds 10 --messages 5000

Half of the messages of a round are submitted, each to somebody here and to a destination that remembers
what it took and whether its reply was heard; the other half is brought from outside, as another server would.
Clients do as the standard says: what was not acknowledged is sent again. So:

* acknowledged and not there is *lost*: there must be none;
* a copy too many is owed to a lost reply, to us or of ours, or it is *unexplained*: there must be none.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import signal
import smtplib
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.app.process import Running, running
from tests.crash.test_kill_queue import HERE, arrived, kill_all, prepare, victims, wait_until_empty
from tests.oracle import PASSWORD
from tests.sink import Sink

THERE = "bob@sink.test"
CLIENTS = 4  # of each kind
KILLS = 6  # of a round, and one more of everything
CONFIG = 'smtp = "127.0.0.1:0"\n[authentication]\nsmtp = false\n'
_MARK = re.compile(rb"^Subject: (\S+)", re.MULTILINE)


@dataclass
class Flood:
    """A round's messages on their way. `unheard`: how often a message was sent whole and not answered."""

    ports: dict[str, int]
    submitted: set[str] = field(default_factory=set)
    brought: set[str] = field(default_factory=set)
    unheard: Counter[str] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, marks: list[str]) -> list[threading.Thread]:
        half = len(marks) // 2
        threads = []
        for kind, mine in (("submission", marks[:half]), ("smtp", marks[half:])):
            work = iter(mine)
            threads += [threading.Thread(target=self._send, args=(kind, work)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, kind: str, work: Iterator[str]) -> None:
        to = [HERE, THERE] if kind == "submission" else [HERE]
        sender = HERE if kind == "submission" else "who@else.test"
        into = self.submitted if kind == "submission" else self.brought
        mark = self._next(work)
        deadline = time.monotonic() + 240
        for attempt in itertools.count():
            if mark is None:
                break
            if time.monotonic() > deadline:
                return self.gave_up.append(mark)
            time.sleep(0.1 if attempt else 0)  # nobody calls again at once
            with (
                suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self.ports[kind], "client.test", timeout=30) as smtp,
            ):
                smtp.ehlo()
                if kind == "submission":
                    smtp.login(HERE, PASSWORD)
                while mark is not None:
                    self._one(smtp, sender, to, mark)
                    with self.lock:
                        into.add(mark)
                        self.done += 1
                    mark = self._next(work)
        return None

    def _one(self, smtp: smtplib.SMTP, sender: str, to: list[str], mark: str) -> None:
        content = f"From: {sender}\r\nSubject: {mark}\r\n\r\n{'x' * 2000}\r\n.\r\n".encode()
        for code, _ in (smtp.mail(sender), *(smtp.rcpt(each) for each in to), smtp.docmd("DATA")):
            self._look(code, mark)
        with self.lock:
            self.unheard[mark] += 1
        smtp.send(content)
        code, _ = smtp.getreply()
        with self.lock:
            self.unheard[mark] -= 1  # it was answered, well or not
        self._look(code, mark)

    def _look(self, code: int, mark: str) -> None:
        if code >= 500:
            self.gave_up.append(f"{mark}: {code}")
        if code >= 400 or code < 0:  # smtplib: -1 where the connection is gone
            raise smtplib.SMTPException(f"{code}")

    def _next(self, work: Iterator[str]) -> str | None:
        with self.lock:
            return next(work, None)


@dataclass(frozen=True)
class Count:
    """What a round, or several, came to."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled_here: int = 0
    doubled_there: int = 0
    unexplained: int = 0

    def __add__(self, other: Count) -> Count:
        names = self.__dataclass_fields__
        return Count(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.acknowledged} acknowledged, {self.lost} lost; more than once:"
            f" {self.doubled_here} here, {self.doubled_there} there, {self.unexplained} unexplained"
        )


def campaign(folder: Path, rounds: int, messages: int, seed: int = 1) -> Iterator[Count]:
    chance = random.Random(seed)
    with Sink() as sink:
        prepare(folder, sink.port)
        config = folder / "pillarbox.toml"
        config.write_text(config.read_text().replace("[submission]\n", CONFIG + "[submission]\n"))
        for number in range(rounds):
            yield _round(folder, sink, chance, [f"r{number}-{at}" for at in range(messages)])


def _round(folder: Path, sink: Sink, chance: random.Random, marks: list[str]) -> Count:
    sink.taken.clear()
    flood = Flood({})
    kills = 0
    # When everything dies, some way into the round.
    everything = chance.uniform(0.3, 0.9) * len(marks)
    with running(folder) as server:
        _ports(flood, server)
        threads = flood.start(marks)
        while flood.done < everything:
            time.sleep(chance.uniform(0.02, 1.0))
            if kills < KILLS and flood.done and (alive := victims(server)):
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(alive), signal.SIGKILL)
                    kills += 1
        kill_all(server, folder / "var")
    with running(folder) as server:
        _ports(flood, server)
        while kills < KILLS and any(each.is_alive() for each in threads):
            time.sleep(chance.uniform(0.02, 1.0))
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims(server)), signal.SIGKILL)
                kills += 1
        for thread in threads:
            thread.join()
        wait_until_empty(folder / "var")
        here = arrived(server.port("imap"), HERE)
        assert server.stop() == 0
    assert not flood.gave_up, flood.gave_up
    return _counted(flood, here, sink, kills + 1)


def _ports(flood: Flood, server: Running) -> None:
    flood.ports |= {kind: server.port(kind) for kind in ("submission", "smtp")}


def _counted(flood: Flood, here: Counter[str], sink: Sink, kills: int) -> Count:
    there: dict[str, list[bool]] = {}
    for each in sink.taken:
        found = _MARK.search(each.content)
        assert found is not None
        there.setdefault(found[1].decode(), []).append(each.heard)
    acknowledged = flood.submitted | flood.brought
    lost = {mark for mark in acknowledged if not here[mark]} | {m for m in flood.submitted if m not in there}
    doubled_here = {mark for mark in acknowledged if here[mark] > 1}
    doubled_there = {mark for mark, copies in there.items() if len(copies) > 1}
    # Each copy but one is owed to a reply that was not heard: ours to the client, or the destination's to us.
    unexplained = {mark for mark in doubled_here if here[mark] > 1 + flood.unheard[mark]}
    unexplained |= {
        mark
        for mark in doubled_there
        if len(there[mark]) > 1 + flood.unheard[mark] + sum(not heard for heard in there[mark])
    }
    return Count(
        *(kills, len(acknowledged), len(lost), len(doubled_here), len(doubled_there), len(unexplained))
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.campaign")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    total = Count()
    with tempfile.TemporaryDirectory(prefix="pillarbox-kills.") as folder:
        began = time.monotonic()
        for number, count in enumerate(
            campaign(Path(folder), wanted.rounds, wanted.messages, wanted.seed), start=1
        ):
            total += count
            print(f"round {number}: {count} ({time.monotonic() - began:.0f} s)", flush=True)
            began = time.monotonic()
    print(f"in all: {total}")
    return int(bool(total.lost or total.unexplained))


if __name__ == "__main__":
    sys.exit(main())
