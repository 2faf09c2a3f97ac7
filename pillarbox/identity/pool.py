"""Where passwords are checked: on a few threads, in turns that are fair between the clients' networks.

A check takes a core for some 30 ms, so as many run as there are threads and the others wait, which costs them
only the connection they already have. Each network waits in a line of its own and the lines take turns: who
guesses over two thousand connections delays everybody else by one check, and himself by all of them. A line
that is too long takes nobody more: those are told to come again, which costs nothing at all.
"""

import asyncio
import ipaddress
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from pillarbox.identity.passwords import verify
from pillarbox.model.errors import Code, Refused

T = TypeVar("T")

MAX_WAITING_EACH = 500  # a line; some ten seconds, which is what clients wait
MAX_WAITING = 10_000  # in all lines
IPV6_NETWORK = 64  # RFC 6177 1: nobody is given less


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Who is one: an IPv4 address, an IPv6 network; all that has no address together."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK), strict=False))


class PasswordPool:
    """As many threads as there are cores, four at most; `processes` share that bound."""

    def __init__(self, threads: int | None = None, *, processes: int = 1) -> None:
        self._idle = threads or max(1, min(4, os.cpu_count() or 1) // processes)
        self._threads = ThreadPoolExecutor(self._idle, thread_name_prefix="password")
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}  # in the order of their turns
        self._waiting = 0

    async def verify(
        self,
        stored: str | None,
        password: str,
        who: str = "",
        still: Callable[[], None] = lambda: None,
    ) -> bool:
        """`passwords.verify` for a client that comes from the address `who`. `still` raises where it is not
        to be done any more when its turn has come."""
        return await self.run(lambda: verify(stored, password), network(who), still)

    async def run(self, work: Callable[[], T], line: str, still: Callable[[], None] = lambda: None) -> T:
        """Do this on a thread when it is its turn. Refused, for now, when the line is too long."""
        await self._turn(line)
        try:
            still()
        except BaseException:
            self._pass_on()
            raise
        loop = asyncio.get_running_loop()
        job = self._threads.submit(work)
        # When the thread is free, not when somebody stops waiting for it: a client that goes away has begun
        # a check that goes on.
        job.add_done_callback(lambda _: self._freed(loop))
        return await asyncio.wrap_future(job)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, line: str) -> None:
        if self._idle > 0:
            self._idle -= 1
            return
        waiting = self._lines.get(line, ())
        if len(waiting) >= MAX_WAITING_EACH or self._waiting >= MAX_WAITING:
            raise Refused("Too many logins at once, try again", Code.UNAVAILABLE, temporary=True)
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(line, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _freed(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        """A thread is free: the next of the next line."""
        while self._lines:
            line = next(iter(self._lines))
            waiting = self._lines.pop(line)
            turn = waiting.popleft()
            self._waiting -= 1
            if waiting:
                self._lines[line] = waiting  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._idle += 1
