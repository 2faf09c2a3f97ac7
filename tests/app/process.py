"""`pillarbox serve` as a process of its own, watched from outside: its log, its signals, its workers."""

from __future__ import annotations

import imaplib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIG = """\
hostname = "mail.example.test"
workers = 1
[listen]
imap = "127.0.0.1:0"
imaps = ["127.0.0.1:0", "127.0.0.1:0"]
lmtp = "unix:run/lmtp"
smtp = "127.0.0.1:0"
managesieve = "127.0.0.1:0"
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    about: dict[str, Any] = field(default_factory=dict)
    workers: dict[int, int] = field(default_factory=dict)  # number -> process, as the log told so far
    events: list[str] = field(default_factory=list)

    def port(self, protocol: str) -> int:
        addresses = [each["address"] for each in self.about["listeners"] if each["protocol"] == protocol]
        return int(addresses[0].rpartition(":")[2])

    def event(self, name: str) -> dict[str, Any]:
        """The next log line of that event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event["event"])
            if event["event"] == "begun":
                self.workers[event["worker"]] = event["pid"]
            if event["event"] == name:
                return event
        raise AssertionError(f"the server ended without {name}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def command(folder: Path, *arguments: str, python: str = sys.executable) -> list[str]:
    config = folder / "pillarbox.toml"
    if not config.exists():
        config.write_text(CONFIG)
    return [python, "-m", "pillarbox", "--config", str(config), "serve", *arguments]


@contextmanager
def running(
    folder: Path, *, python: str = sys.executable, environment: dict[str, str] | None = None
) -> Iterator[Running]:
    with subprocess.Popen(
        command(folder, "--json", python=python),
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group to send signals to, as a terminal does
    ) as process:
        try:
            assert process.stdout is not None
            yield Running(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


@contextmanager
def accepting(workers: dict[int, int], number: int) -> Iterator[None]:
    """Connections made now are this worker's: the others are stopped, in the middle of whatever they do."""
    others = [pid for other, pid in workers.items() if other != number and isinstance(other, int)]
    _signal(others, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(others, signal.SIGCONT)


def _signal(processes: Iterable[int], number: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, number)


def login(port: int, address: str, password: str) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(address, password)


def served_certificate(port: int) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
