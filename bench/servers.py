"""The servers that are measured, all behind the same few words: where they listen, who may log in."""

from __future__ import annotations

import asyncio
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, Protocol

from bench.client import Client, Lmtp, trusting
from pillarbox.app import accounts
from pillarbox.app.config import load
from pillarbox.app.wiring import core
from pillarbox.identity.passwords import hash_password
from tests.oracle import HAS_POP3, PASSWORD, Dovecot

HOST = "127.0.0.1"
BIG = b"big"
AT_ONCE = 32  # accounts made at a time

XAPIAN = Path("/usr/lib/dovecot/modules/lib21_fts_xapian_plugin.so")

SEARCHED = ("search-from", "search-subject", "search-body", "search-text")

# What a Dovecot is run with beside its defaults, by the name of the variant.
VARIANTS = {
    "": "",
    "xapian": """
mail_plugins = fts fts_xapian
plugin {
  fts = xapian
  fts_xapian = partial=3 full=20
  fts_enforced = yes
}
service indexer-worker {
  vsz_limit = 2G
}
""",
    "zstd": """
mail_plugins = zlib
plugin {
  zlib_save = zstd
}
""",
}


class Server(Protocol):
    name: str
    about: str  # durability and passwords, in a sentence for the report
    rows: tuple[str, ...]  # beginnings of the names of the rows it is measured in; all where there is none
    imap_port: int
    imaps_port: int
    lmtp_port: int
    big: bytes  # the mailbox that most rows read
    pop3_port: int  # 0 where there is none
    smtp_port: int  # the same; with it there are the next two
    submission_port: int
    sink_port: int  # where mail for sink.test goes
    mail: Path  # the folder with all that is stored

    def __enter__(self) -> Server: ...
    def __exit__(self, *_: object) -> None: ...
    def ensure(self, users: list[str]) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def index(self, user: str) -> None:
        """Bring the full text index up to date, where that is not done while mail comes."""

    @property
    def pid(self) -> int: ...


class DovecotServer:
    """Dovecot from the system's package; `variant` is one of `VARIANTS`."""

    big = BIG
    smtp_port = submission_port = sink_port = 0

    def __init__(
        self, kind: Literal["sdbox", "maildir"], credential: str | None = None, *, variant: str = ""
    ) -> None:
        self.name = f"dovecot-{variant or kind}"
        self.variant = variant
        self.rows: tuple[str, ...] = SEARCHED if variant == "xapian" else ()
        scheme = (credential or "{PLAIN}").partition("}")[0].strip("{")
        self.about = (
            f"Dovecot from Debian's package, {kind}; mail_fsync = optimized (its default): a message is"
        )
        self.about += f" synced before the reply, flags are not; passwords {scheme}"
        extra = "service lmtp {\n  process_limit = 200\n}\nlmtp_user_concurrency_limit = 0\n"
        self.dovecot = Dovecot(
            kind, credential=credential or f"{{PLAIN}}{PASSWORD}", extra=extra + VARIANTS[variant]
        )
        self.mail = self.dovecot.folder / "home"
        self.imap_port = self.dovecot.ports.imap
        self.imaps_port = self.dovecot.ports.imaps
        self.lmtp_port = self.dovecot.ports.lmtp
        self.pop3_port = self.dovecot.ports.pop3 if HAS_POP3 else 0

    def __enter__(self) -> DovecotServer:
        self.dovecot.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.dovecot.__exit__()

    def start(self) -> None:
        self.dovecot.start()

    def stop(self) -> None:
        self.dovecot.stop()

    def ensure(self, users: list[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(self._come, users))

    def _come(self, user: str) -> None:
        client = Client(HOST, self.imap_port)
        client.login(user, PASSWORD)
        client.close()

    def index(self, user: str) -> None:
        if self.variant == "xapian":
            command = ["doveadm", "-c", str(self.dovecot.configuration), "index", "-u", user, "*"]
            subprocess.run(command, check=True, capture_output=True)

    @property
    def pid(self) -> int:
        return self.dovecot.pid


class PillarboxServer:
    """`pillarbox serve` in its own process, as an operator would run it."""

    name = "pillarbox"
    rows: tuple[str, ...] = ()
    big = BIG

    def __init__(self, workers: int | None = None) -> None:
        self.about = "every message synced before the reply, flags are not; passwords argon2id"
        self.folder = Path(tempfile.mkdtemp(prefix="pillarbox-bench."))
        self.imap_port, self.imaps_port, self.lmtp_port, self.pop3_port, *others = free_ports(7)
        self.smtp_port, self.submission_port, self.sink_port = others
        self.config = self.folder / "pillarbox.toml"
        self.config.write_text(
            f'hostname = "localhost"\ndata = {json.dumps(str(self.folder / "var"))}\n'
            + (f"workers = {workers}\n" if workers else "")
            + f'[listen]\nimap = "{HOST}:{self.imap_port}"\nimaps = "{HOST}:{self.imaps_port}"\n'
            f'lmtp = "{HOST}:{self.lmtp_port}"\npop3 = "{HOST}:{self.pop3_port}"\n'
            f'smtp = "{HOST}:{self.smtp_port}"\nsubmission = "{HOST}:{self.submission_port}"\n'
            "[authentication]\nsmtp = false\n"
            "[submission]\nmessages_per_hour = 0\nrecipients_per_hour = 0\n"
            f'[[outbound.smarthosts]]\nhost = "{HOST}"\nport = {self.sink_port}\n'
            'tls = "opportunistic"\ndomains = ["sink.test"]\n'
        )
        self.mail = self.folder / "var"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PillarboxServer:
        self.start()
        return self

    def start(self) -> None:
        # An installed server is compiled once, and not at each start.
        environment = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*_pillarbox(), "--config", str(self.config), "serve"],
                stdout=output,
                stderr=output,
                env=environment,
            )
        try:
            wait_until_listening(self.process, self.imap_port)
        except RuntimeError as error:
            said = (self.folder / "output").read_text(errors="replace")
            self.__exit__()
            raise RuntimeError(f"pillarbox did not start: {said}") from error

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
        ends = [os.pidfd_open(pid) for pid in family(process.pid)]
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
        """All have one password and one hash of it; each still costs a check at its first login."""
        asyncio.run(self._add(users))

    async def _add(self, users: list[str]) -> None:
        hashed = hash_password(PASSWORD)
        async with core(load(self.config)) as parts:
            for start in range(0, len(users), AT_ONCE):  # the disk syncs what is made together
                some = users[start : start + AT_ONCE]
                await asyncio.gather(
                    *(accounts.add(parts.directory, parts.store, user, hashed) for user in some)
                )

    def index(self, user: str) -> None:
        """It is kept up while mail comes."""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """RuntimeError where it ends before, or does not listen within half a minute."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start") from None
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


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
    for each in family(pid):
        for line in _lines(each, "smaps_rollup"):
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu(pid: int) -> float:
    """Seconds of processor time of a process and its descendants, those that have ended included.

    In nanoseconds for those that live: clock ticks would lose what many processes do for less than one each.
    """
    seconds = 0.0
    tick = os.sysconf("SC_CLK_TCK")
    for each in family(pid):
        for line in _lines(each, "stat"):
            seconds += sum(int(number) for number in line.rpartition(")")[2].split()[13:15]) / tick
        for thread in Path(f"/proc/{each}/task").glob("*/schedstat"):
            for line in _lines(each, f"task/{thread.parent.name}/schedstat"):
                seconds += int(line.split()[0]) / 1e9
    return seconds


def written(pid: int) -> int:
    """Octets that a process and its descendants, ended ones included, have had written to storage."""
    total = 0
    for each in family(pid):
        for line in _lines(each, "io"):
            if line.startswith("write_bytes:"):
                total += int(line.split()[1])
    return total


def occupied(folder: Path, pattern: str = "*") -> int:
    """Octets on disk of all files in a folder, as whole blocks."""
    total = 0
    for path in folder.rglob(pattern):
        with suppress(OSError):  # it is gone meanwhile
            total += path.lstat().st_blocks * 512
    return total


def forget_caches() -> str:
    """Empties the page cache; returns how, for the report."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return "kept: this user may not empty the page cache"
    return "dropped"


def _lines(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError:
        return []


def family(pid: int) -> list[int]:
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
