"""Courier IMAP from Debian's packages, run privately beside the others.

Debian lets `courier-imap` and `dovecot-imapd` not be installed together, so its programs lie unpacked
somewhere: `apt-get download courier-imap courier-base courier-authlib libcourier-unicode4`, `dpkg -x` each
into one folder, with `PILLARBOX_COURIER=FOLDER`. Its authentication daemon lives at fixed places of the
system, so connections come in authenticated (PREAUTH), as its own port server leaves them to the IMAP server:
rows that log in are not measured. It takes no literals without waiting and no MULTIAPPEND, has no LMTP, and
its mailboxes are named otherwise: the messages are put into its INBOX as files, and rows that need other
mailboxes are not measured either.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.servers import HOST, free_ports, wait_until_listening

FOLDER = Path(os.environ.get("PILLARBOX_COURIER", "/"))
IMAPD = FOLDER / "usr/bin/imapd"
PORT_SERVER = FOLDER / "usr/sbin/couriertcpd"

# As its own configuration has it.
ENVIRONMENT = {
    "AUTHENTICATED": "bench",
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE"
    " THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE",
    "IMAP_KEYWORDS": "1",
    "IMAP_ACL": "1",
    "IMAP_IDLE_TIMEOUT": "60",
    "IMAP_MAILBOX_SANITY_CHECK": "1",
    "IMAP_USELOCKS": "1",
    "IMAP_TRASHFOLDERNAME": "Trash",
}


def missing() -> str:
    """Why it cannot be run; nothing where it can."""
    return "" if IMAPD.exists() and PORT_SERVER.exists() else "Courier is not installed"


class CourierServer:
    """As `bench.servers.Server` has it."""

    name = "courier"
    about = "Courier from Debian's packages, its defaults, Maildir; nobody logs in"
    rows: tuple[str, ...] = ("select", "fetch", "store", "search", "sort", "thread", "noop")
    big = b"INBOX"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="courier-bench."))
        self.mail = self.folder / "Maildir"
        (self.imap_port,) = free_ports(1)
        self.imaps_port = self.lmtp_port = self.pop3_port = 0
        self.smtp_port = self.submission_port = self.sink_port = 0
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("cur", "new", "tmp"):
            (self.mail / name).mkdir(parents=True)

    def __enter__(self) -> CourierServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        libraries = f"{FOLDER}/usr/lib:{FOLDER}/usr/lib/x86_64-linux-gnu"
        served = ["-nodnslookup", "-noidentlookup", "-maxprocs=200", "-maxperip=200", str(self.imap_port)]
        self.process = subprocess.Popen(
            [str(PORT_SERVER), f"-address={HOST}", *served, str(IMAPD), "Maildir"],
            cwd=self.folder,
            env={**os.environ, **ENVIRONMENT, "LD_LIBRARY_PATH": libraries},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_listening(self.process, self.imap_port)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def ensure(self, users: list[str]) -> None:
        """There is one, whoever comes."""

    def fill(self, messages: Sequence[bytes]) -> None:
        """The big mailbox, by files."""
        for number, message in enumerate(messages):
            name = f"{1_700_000_000 + number}.M{number}P1.bench,S={len(message)}:2,"
            (self.mail / "cur" / name).write_bytes(message.replace(b"\r\n", b"\n"))

    def index(self, user: str) -> None:
        """It has none."""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid
