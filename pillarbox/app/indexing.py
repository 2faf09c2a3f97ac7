"""Keeping search indexes up behind delivery: which account is due, and the process that does it.

A ring makes its account due once no other has come for a moment, or after a second of them, and not again
before some seconds have passed; at the start, and when rings have been lost, all accounts are. The work is
done by a child (`indexer`), one for a whole server. It is begun when there is something to do, which a
change of flags is not, killed when the server stops, and replaced when it dies: each of its steps is a
transaction.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import apsw
import msgspec

from pillarbox.app.indexer import Done, Order
from pillarbox.app.spawn import command, environment
from pillarbox.model.errors import Refused
from pillarbox.store import files
from pillarbox.store.index import catching_up
from pillarbox.store.store import Store

Tell = Callable[..., object]

SOON = 0.3  # seconds without another ring after which what has come is indexed
LATEST = 1.0  # seconds after which it is begun while mail still comes: the processors are wanted for that
REST = 2.0  # seconds an account is left alone after it
IDLE = 60.0  # seconds without work after which the child ends
SWEEP = 600.0  # seconds after which all accounts are looked at
PAUSE = 1.0  # seconds after a child has died
LONG_PAUSE = 10.0  # seconds until it is tried again what the machine had no room for
LONGEST = 3600.0  # seconds until an account is tried again that it has died of again and again


@asynccontextmanager
async def running(store: Store, tell: Tell) -> AsyncIterator[None]:
    """All indexes are kept up while the context lasts."""
    indexing = Indexing(store, tell)
    task = asyncio.create_task(indexing.run())
    store.hear(indexing.heard)
    try:
        yield
    finally:
        store.hear(None)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await indexing.end_child()


class Indexing:
    def __init__(self, store: Store, tell: Tell) -> None:
        self._store = store
        self._tell = tell
        self._now = asyncio.get_running_loop().time
        self._due: dict[int, float] = {}  # account -> when
        self._rung: dict[int, float] = {}  # account -> when it was first rung since
        self._done: dict[int, float] = {}  # account -> when it was last done, of late
        self._deaths: dict[int, int] = {}  # account -> times the child has died of it
        self._wake = asyncio.Event()
        self._sweep = 0.0  # when all accounts are due
        self._child: asyncio.subprocess.Process | None = None

    def heard(self, account: int | None) -> None:
        """The account has changed; None: any may have."""
        now = self._now()
        if account is None:
            self._sweep = now
        elif account in self._rung or account not in self._due:
            first = self._rung.setdefault(account, now)
            rested = self._done.get(account, first) + REST
            self._due[account] = max(min(now + SOON, first + LATEST), rested)
        self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                await self._turn()
            except OSError as error:  # no memory, no process, no file left
                self._tell("indexing waits", reason=str(error))
                await asyncio.sleep(LONG_PAUSE)

    async def _turn(self) -> None:
        if self._now() >= self._sweep:
            self._sweep = self._now() + SWEEP
            await self._all()
        account = self._next()
        if account is not None:
            await self._index(account)
        else:
            await self._rest()

    async def _all(self) -> None:
        now = self._now()
        self._done = {account: when for account, when in self._done.items() if when > now - REST}
        for account in await asyncio.to_thread(files.accounts, self._store.data):
            self._due.setdefault(account, now)

    def _next(self) -> int | None:
        """The account that has been due for longest."""
        now = self._now()
        account = min(self._due, key=self._due.__getitem__, default=None)
        if account is None or self._due[account] > now:
            return None
        del self._due[account]
        self._rung.pop(account, None)
        return account

    async def _rest(self) -> None:
        """Until an account is due, or one more has changed."""
        now = self._now()
        until = min([self._sweep, *self._due.values()])
        if self._child is not None:
            until = min(until, now + IDLE)
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        except TimeoutError:
            if not self._due:
                await self.end_child()

    async def _index(self, account: int) -> None:
        folder = files.account_folder(self._store.data, account)
        if not folder.is_dir():
            return
        if not await asyncio.to_thread(_behind, folder):
            self._done[account] = self._now()
            return
        try:
            done = await self._ask(Order(str(folder)))
            self._deaths.pop(account, None)
        except (OSError, ValueError):
            await self.end_child()
            done = Done(failed="the indexer died")
            self._rung.pop(account, None)
            deaths = self._deaths[account] = self._deaths.get(account, 0) + 1
            self._due[account] = self._now() + min(PAUSE * 2**deaths, LONGEST)
        self._done[account] = self._now()
        if done.failed and folder.is_dir():
            self._tell("cannot be indexed", account=f"{account:08x}", reason=done.failed)

    async def _ask(self, order: Order) -> Done:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                *command("indexer"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
            )
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(msgspec.json.encode(order) + b"\n")
        await child.stdin.drain()
        return msgspec.json.decode(await child.stdout.readline(), type=Done)

    async def end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            child.kill()
        await child.communicate()


def _behind(folder: Path) -> bool:
    try:
        return catching_up.behind(folder)
    except (Refused, apsw.Error, OSError):
        return True  # the child finds out what it is, and says so
