"""kill -9 of workers, of the process that sends, and of all of them, during a flood of submissions.

Each message goes to somebody here and to somebody at another server. What was acknowledged arrives at both;
here exactly once, there at most once more for each conversation that a kill has cut.
"""

from __future__ import annotations

import fcntl
import imaplib
import itertools
import os
import random
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.folder import LOCK_FILE
from pillarbox.delivery.outbound.runner import EACH
from pillarbox.delivery.queue import asking
from pillarbox.delivery.queue.database import opened
from pillarbox.testing.server import MailServer
from tests.app.process import Running, running
from tests.oracle import PASSWORD
from tests.places import LONG

KILLS = 20 if LONG else 4
MESSAGES = 600 if LONG else 60  # acknowledged between two kills
SENDERS = 6
HERE, THERE = "ann@one.test", "bob@two.test"

CONFIG = """\
hostname = "mx.one.test"
workers = 2
[listen]
imap = "127.0.0.1:0"
submission = "127.0.0.1:0"
[submission]
messages_per_hour = 0
recipients_per_hour = 0
[[outbound.smarthosts]]
host = "127.0.0.1"
port = {port}
tls = "opportunistic"
"""


class Flood:
    """Clients that submit as fast as they can, and remember what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.port = 0
        self._lock = threading.Lock()
        self._serial = itertools.count(1)
        self._enough = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]

    def start(self, port: int) -> None:
        self.port = port
        for thread in self._threads:
            thread.start()

    def wait(self, more: int) -> None:
        with self._enough:
            wanted = len(self.acknowledged) + more
            assert self._enough.wait_for(lambda: len(self.acknowledged) >= wanted, 120)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self) -> None:
        while not self._stop.is_set():
            with (
                suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self.port, timeout=20) as smtp,
            ):
                smtp.login(HERE, PASSWORD)
                while not self._stop.is_set():
                    with self._lock:
                        mark = f"m{next(self._serial)}"
                    content = f"From: {HERE}\r\nSubject: {mark}\r\n\r\n{'x' * 2000}\r\n"
                    smtp.sendmail(HERE, [HERE, THERE], content)
                    with self._enough:
                        self.acknowledged.add(mark)
                        self._enough.notify_all()


def prepare(folder: Path, port: int) -> None:
    config = folder / "pillarbox.toml"
    config.write_text(CONFIG.format(port=port))
    command = [sys.executable, "-m", "pillarbox", "--config", str(config)]
    subprocess.run(
        [*command, "account", "add", HERE, "--password-stdin"],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
    )


def arrived(port: int, address: str) -> Counter[str]:
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(address, PASSWORD)
        imap.select("INBOX", readonly=True)
        found: Any = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return Counter(
        each[1].decode().strip().removeprefix("Subject: ") for each in found if isinstance(each, tuple)
    )


def wait_until_empty(data: Path) -> None:
    """What was left undone is done at once now, instead of a minute later."""
    with opened(data) as db:
        pause = threading.Event()
        for _ in range(600):
            with db.transaction():
                numbers = asking.numbers(db)
                for number in numbers:
                    asking.retry(db, number, 0)
            if not numbers:
                return
            pause.wait(0.2)
    raise AssertionError(f"{len(numbers)} are still in the queue")


def victims(server: Running) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_all(server: Running, data: Path) -> None:
    """Returns when nobody is left: each process of a server holds its lock."""
    os.kill(server.process.pid, signal.SIGSTOP)  # so that it begins no other
    for pid in (*victims(server), server.process.pid):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)


@pytest.mark.parametrize("who", ["one", "all"])
def test_submissions_survive_a_kill(tmp_path: Path, who: str, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(3)
    flood = Flood()
    kills = KILLS if who == "one" else max(2, KILLS // 4)
    with MailServer() as two:
        two.add_account(THERE, PASSWORD)
        prepare(tmp_path, two.smtp_port)
        left = kills
        while left:
            with running(tmp_path) as server:
                if flood.port == 0:
                    flood.start(server.port("submission"))
                flood.port = server.port("submission")
                flood.wait(MESSAGES)
                while who == "one" and left > 1:
                    os.kill(chance.choice(victims(server)), signal.SIGKILL)
                    left -= 1
                    flood.wait(MESSAGES)
                kill_all(server, tmp_path / "var")
                left -= 1
        with running(tmp_path) as server:
            flood.port = server.port("submission")
            flood.wait(MESSAGES)
            flood.stop()
            wait_until_empty(tmp_path / "var")
            here, there = arrived(server.port("imap"), HERE), arrived(two.imap_port, THERE)
            assert server.stop() == 0
        two.check()
    lost = {mark for mark in flood.acknowledged if not here[mark] or not there[mark]}
    assert lost == set()
    assert [mark for mark, count in here.items() if count > 1] == []
    twice = [mark for mark, count in there.items() if count > 1]
    with capsys.disabled():
        if LONG:
            print(f"\n{kills} kills ({who}), {len(flood.acknowledged)} acknowledged, {len(twice)} doubled")
    assert len(twice) <= kills * EACH
