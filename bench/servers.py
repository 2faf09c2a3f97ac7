"""The servers that are measured, all behind the same few words: where they listen, who may log in."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal, Protocol

from bench.client import Client, Lmtp, trusting
from tests.oracle import PASSWORD, Dovecot

HOST = "127.0.0.1"


class Server(Protocol):
    name: str
    about: str  # durability and passwords, in a sentence for the report
    imap_port: int
    imaps_port: int
    lmtp_port: int

    def __enter__(self) -> Server: ...
    def __exit__(self, *_: object) -> None: ...
    def ensure(self, users: list[str]) -> None: ...
    @property
    def pid(self) -> int: ...


class DovecotServer:
    def __init__(self, kind: Literal["sdbox", "maildir"], credential: str | None = None) -> None:
        self.name = f"dovecot-{kind}"
        scheme = (credential or "{PLAIN}").partition("}")[0].strip("{")
        self.about = f"mail_fsync = optimized (its default); passwords {scheme}"
        extra = "service lmtp {\n  process_limit = 200\n}\nlmtp_user_concurrency_limit = 0\n"
        self.dovecot = Dovecot(kind, credential=credential or f"{{PLAIN}}{PASSWORD}", extra=extra)
        self.imap_port = self.dovecot.ports.imap
        self.imaps_port = self.dovecot.ports.imaps
        self.lmtp_port = self.dovecot.ports.lmtp

    def __enter__(self) -> DovecotServer:
        self.dovecot.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.dovecot.__exit__()

    def ensure(self, users: list[str]) -> None:
        for user in users:
            client = Client(HOST, self.imap_port)
            client.login(user, PASSWORD)
            client.close()

    @property
    def pid(self) -> int:
        return self.dovecot.pid


class PillarboxServer:
    """`pillarbox serve` in its own process, as an operator would run it."""

    name = "pillarbox"

    def __init__(self, workers: int | None = None) -> None:
        self.about = "every APPEND and delivery synced before the reply; passwords argon2id"
        self.folder = Path(tempfile.mkdtemp(prefix="pillarbox-bench."))
        sockets = [socket.socket() for _ in range(3)]
        for each in sockets:
            each.bind((HOST, 0))
        self.imap_port, self.imaps_port, self.lmtp_port = (each.getsockname()[1] for each in sockets)
        for each in sockets:
            each.close()
        self.config = self.folder / "pillarbox.toml"
        self.config.write_text(
            f'hostname = "localhost"\ndata = {json.dumps(str(self.folder / "var"))}\n'
            + (f"workers = {workers}\n" if workers else "")
            + f'[listen]\nimap = "{HOST}:{self.imap_port}"\nimaps = "{HOST}:{self.imaps_port}"\n'
            f'lmtp = "{HOST}:{self.lmtp_port}"\n'
        )
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PillarboxServer:
        self.start()
        return self

    def start(self) -> None:
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*_pillarbox(), "--config", str(self.config), "serve"], stdout=output, stderr=output
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((HOST, self.imap_port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "output").read_text(errors="replace")
                    self.__exit__()
                    raise RuntimeError(f"pillarbox did not start: {said}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """As an operator would: it drains."""
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """kill -9, all its processes, without a word before."""
        process, self.process = self.process, None
        assert process is not None
        ends = [os.pidfd_open(pid) for pid in _family(process.pid)]
        for end in ends:
            signal.pidfd_send_signal(end, signal.SIGKILL)
        for end in ends:
            select.select([end], [], [])  # until then its sockets still take connections
            os.close(end)
        process.wait()

    def check(self) -> subprocess.CompletedProcess[bytes]:
        """`pillarbox check` on its data."""
        return subprocess.run([*_pillarbox(), "--config", str(self.config), "check"], capture_output=True)

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ensure(self, users: list[str]) -> None:
        for user in users:
            subprocess.run(
                [*_pillarbox(), "--config", str(self.config), "account", "add", user, "--password-stdin"],
                input=f"{PASSWORD}\n".encode(),
                check=True,
                capture_output=True,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


def _pillarbox() -> list[str]:
    return [sys.executable, "-c", "from pillarbox.app.cli import main; main()"]


def imap(server: Server, user: str, *, tls: bool = False) -> Client:
    """A connection that has logged in."""
    port = server.imaps_port if tls else server.imap_port
    client = Client(HOST, port, trusting() if tls else None)
    client.login(user, PASSWORD)
    return client


def lmtp(server: Server) -> Lmtp:
    return Lmtp(HOST, server.lmtp_port)


def memory(pid: int) -> int:
    """Octets of memory of a process and all its descendants, shared pages counted once (PSS)."""
    total = 0
    for each in _family(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _family(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    out = [pid]
    for each in out:
        out.extend(parents.get(each, []))
    return out
