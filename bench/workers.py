"""Which worker of a server gets a connection: the others are stopped while it is made."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import Server


def workers(server: Server) -> list[int]:
    """The worker processes of ours; nothing of a server that is made otherwise."""
    if server.name != "pillarbox":
        return []
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return [int(pid) for pid in children if _number(pid) > 0]


def _number(pid: str) -> int:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return int(words[words.index(b"pillarbox.app.worker") + 1]) if b"pillarbox.app.worker" in words else 0


@contextmanager
def only(those: list[int], everyone: list[int]) -> Iterator[None]:
    """Nobody but `those` takes connections; with nobody given all do."""
    others = [pid for pid in everyone if those and pid not in those]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)
