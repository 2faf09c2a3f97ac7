"""Telling a service manager how things are: systemd's sd_notify(3), which is one datagram.

Without a manager that wants to know, nothing is said.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

READY, STOPPING = "READY=1", "STOPPING=1"


def notify(*states: str) -> None:
    """A manager that does not listen is no reason to stop."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect("\0" + address[1:] if address[0] == "@" else address)
        sock.send("\n".join(states).encode())


def reloading() -> None:
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """The manager hears from the event loop in time, if it has asked to, and restarts us if it does not."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not (wanted.isdecimal() and int(wanted) and ours):
        yield
        return

    async def living() -> None:
        while True:
            notify("WATCHDOG=1")
            await asyncio.sleep(int(wanted) / 2_000_000)

    task = asyncio.create_task(living())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
