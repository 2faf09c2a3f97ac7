"""kill -9 between QUIT and its answer: all deletions are there or none is, and what was answered is done."""

from __future__ import annotations

import imaplib
import poplib
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.app import process
from tests.places import LONG

ADDRESS, PASSWORD = "kim@example.test", "correct-horse"
ROUNDS = 20 if LONG else 3
MESSAGES = 60

CONFIG = """\
hostname = "mail.example.test"
workers = 1
[listen]
imap = "127.0.0.1:0"
pop3 = "127.0.0.1:0"
"""


def test_quit_is_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "pillarbox.toml").write_text(CONFIG)
    pillarbox = [sys.executable, "-m", "pillarbox", "--config", str(tmp_path / "pillarbox.toml")]
    chance = random.Random(1)
    deleted = range(1, MESSAGES + 1, 2)
    possible = {0}  # how many messages there may be
    for _ in range(ROUNDS):
        with process.running(tmp_path) as server:
            if possible == {0}:
                add = [*pillarbox, "account", "add", ADDRESS, "--password-stdin"]
                subprocess.run(add, input=PASSWORD.encode(), check=True, capture_output=True)
            fill(server.port("imap"), possible)
            pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=30)
            pop.user(ADDRESS)
            pop.pass_(PASSWORD)
            for number in deleted:
                pop.dele(number)
            pop.sock.sendall(b"QUIT\r\n")
            time.sleep(chance.random() * 0.01)  # so that it is at a moment nobody chose
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(20)
            answer = b""
            with suppress(ConnectionError):
                answer = pop.file.readline()
            pop.close()
        left = MESSAGES - len(deleted)
        possible = {left} if answer.startswith(b"+OK") else {left, MESSAGES}
    with process.running(tmp_path) as server:
        fill(server.port("imap"), possible)
        assert server.stop() == 0
    checked = subprocess.run([*pillarbox, "check"], capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def fill(port: int, possible: set[int]) -> None:
    """There must be one of these numbers of messages; then there are MESSAGES."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=30) as imap:
        imap.login(ADDRESS, PASSWORD)
        there = int(imap.select("INBOX")[1][0] or 0)
        assert there in possible
        for number in range(there, MESSAGES):
            imap.append("INBOX", "", "", b"Subject: %d\r\n\r\nx\r\n" % number)
