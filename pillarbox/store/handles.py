"""The accounts this process has open.

A handle is a connection and its log. Opening one takes 0.4 ms and keeps about 200 KiB, so the last used
ones stay open and the rest is closed: an idle session holds no handle. Used from the event loop only;
checkpoints alone go to a thread.
"""

import asyncio
import ctypes
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path

import apsw

from pillarbox.model.errors import Code, Refused
from pillarbox.store import checkpoint, files, heavy, incarnation, known
from pillarbox.store.commit import Log
from pillarbox.store.engine import sqlite
from pillarbox.store.group import Call, refuse
from pillarbox.store.tx import Busy

LIMIT = 256
IDLE = 60.0  # seconds without use, after which the log goes into the database and the handle is closed
TEND = 5.0  # how often that is looked at; who is not used for as long gives back the pages it has read
SLIMMED = 32  # accounts that do so at once: half a millisecond, or a few where they have read much
NOTE = 60.0  # how often it is noted how far an account in use has come (`store.known`)
PATIENCE = 0.002  # seconds that a lock is waited for on the event loop


class Handle:
    """One open account."""

    __slots__ = (
        "account",
        "birth",
        "checked",
        "checkpointing",
        "database",
        "heavy",
        "lean",
        "log",
        "met",
        "noted",
        "pages",
        "queue",
        "rooted",
        "used",
        "writer",
    )

    log: Log

    def __init__(self, account: int, database: sqlite.Database) -> None:
        self.account = account
        self.database = database
        self.queue: deque[Call] = deque()  # verbs that wait for the log's sync in flight
        self.pages = 0  # in the log since it was last begun
        self.checked = 0  # `pages` at the last checkpoint
        self.checkpointing = False
        self.heavy: asyncio.Future[heavy.Outcome] | None = None  # a verb that runs on a thread
        self.birth = incarnation.birth(database.folder / sqlite.FILE)
        self.met = False  # whether it is known that the account has lost nothing
        self.writer = incarnation.writer()
        self.noted = -math.inf  # when it was last noted how far the account had come
        self.rooted = False  # whether it is on disk that this writer may have written
        self.used = 0.0
        self.lean = 0.0  # `used` as it was when the pages were given back

    def written(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """SQLite calls this after each commit."""
        self.grown(pages)
        return apsw.SQLITE_OK

    def grown(self, pages: int) -> None:
        """The log has so many pages now."""
        if pages < self.checked:
            self.checked = 0  # the log has been begun again
        self.pages = pages

    def slim(self) -> bool:
        """Give back the pages that have been read, a third of what it weighs; False when there are none."""
        if self.lean == self.used or not self.resting:
            return False
        self.lean = self.used
        self.database.connection.release_memory()
        return True

    @property
    def resting(self) -> bool:
        """Nobody waits on it, so it may be closed."""
        return not (self.log.busy or self.checkpointing or self.heavy or self.queue)


class Handles:
    """Open accounts by number, least recently used first."""

    def __init__(
        self,
        data: Path,
        clock: Callable[[], float],
        sync: Callable[[int], asyncio.Future[None]],
        executor: Executor,
        ring: Callable[[int, int], None],
        idle: Callable[[Handle], None],
    ) -> None:
        self._data = data
        self._clock = clock
        self._sync = sync
        self._executor = executor
        self._ring = ring
        self._idle = idle
        self._open: dict[int, Handle] = {}
        self._suspect: set[int] = set()
        self._tending: asyncio.TimerHandle | None = None
        self._checkpoints: set[asyncio.Future[bool]] = set()
        self._dropped: list[Handle] = []
        self._stopped = False

    def start(self) -> None:
        self._tending = asyncio.get_running_loop().call_later(TEND, self._tend)

    async def stop(self) -> None:
        """Close everything. The logs stay: the next start reads them, and a quick end matters more."""
        self._stopped = True
        if self._tending is not None:
            self._tending.cancel()
        while self._checkpoints:
            await asyncio.wait(self._checkpoints)
        for handle in [*self._open.values(), *self._dropped]:
            while handle.heavy is not None:
                await asyncio.wait([handle.heavy])
            await handle.log.settle()
            refuse(handle.queue, _stopping())
            self._close(handle)
        self._open.clear()
        self._dropped.clear()

    def get(self, account: int) -> Handle:
        """The account, opened if need be. Raises what `sqlite.open_account` does."""
        if self._stopped:
            raise _stopping()
        handle = self._open.pop(account, None)
        if handle is None:
            handle = self._new(account)
        elif handle.log.failed:
            self._dropped.append(handle)
            self._suspect.add(account)
            handle = self._new(account)
        self._open[account] = handle  # at the end: most recently used
        handle.used = time.monotonic()
        if len(self._open) > LIMIT:
            self._make_room()
        return handle

    def __contains__(self, account: int) -> bool:
        """Whether it is open."""
        return account in self._open

    def last_used(self, account: int) -> float:
        """By the monotonic clock."""
        handle = self._open.get(account)
        return -math.inf if handle is None else handle.used

    def _new(self, account: int) -> Handle:
        folder = files.account_folder(self._data, account)
        database = sqlite.open_account(folder, clock=self._clock, patience=PATIENCE)
        database.most_rows = heavy.MOST_ROWS
        handle = Handle(account, database)
        try:
            # The open above has read from the database, so its log exists and stays the same file.
            handle.log = Log(
                folder / f"{sqlite.FILE}-wal",
                self._sync,
                lambda modseq: self.moved(handle, modseq),
                lambda: self._idle(handle),
            )
        except BaseException:
            database.close()
            raise
        database.connection.set_wal_hook(handle.written)
        return handle

    def moved(self, handle: Handle, modseq: int) -> None:
        """The account has come to this mod-sequence, and nobody has been told yet."""
        if time.monotonic() - handle.noted > NOTE:
            self.note(handle)
        self._ring(handle.account, modseq)

    def note(self, handle: Handle) -> None:
        """What is committed only: were more noted and this process killed, the account would seem to have
        lost it."""
        handle.noted = time.monotonic()
        with suppress(Busy, Refused), handle.database.transaction(write=False) as tx:
            known.note(self._data, handle.account, incarnation.reached(tx))

    def _leave(self, handle: Handle) -> None:
        """What it has written is in one log, and will be there if this is (`store.incarnation`). Where the
        lock is not to be had it is left undone: of an account that seems to have lost something clients only
        ask for more."""
        if handle.rooted and not handle.log.failed:
            handle.rooted = False
            with suppress(Busy, Refused), handle.database.transaction(write=True) as tx:
                incarnation.leave(tx, handle.writer)
            self.note(handle)

    def _close(self, handle: Handle) -> None:
        self._leave(handle)
        # In this order: a log without a connection could be replaced, and a sync of the old file mean
        # nothing.
        handle.log.close()
        handle.database.close()

    def _make_room(self) -> None:
        for account, handle in list(self._open.items())[: len(self._open) - LIMIT]:
            if handle.resting:
                del self._open[account]
                self._close(handle)

    def suspect(self, account: int) -> bool:
        """Whether a sync of its log has failed, so that `mend` must succeed before any durable write."""
        return account in self._suspect

    async def mend(self, account: int) -> bool:
        """Copy the log into the database and begin it anew: past a hole in it nothing would be found."""
        if await self._begin(self.get(account), truncate=True, wait=checkpoint.LONG_WAIT):
            self._suspect.discard(account)
        return account not in self._suspect

    def drop(self, account: int) -> None:
        """Do not use this handle again: the next use opens the account afresh."""
        handle = self._open.pop(account, None)
        if handle is not None:
            handle.rooted = False  # where it failed, what it has written may be lost
            self._dropped.append(handle)
            self._close_dropped()

    def after_commit(self, handle: Handle) -> None:
        """Look whether the log has grown enough to be copied."""
        if handle.pages - handle.checked >= checkpoint.DUE and not handle.checkpointing:
            handle.checked = handle.pages
            overdue = handle.pages >= checkpoint.OVERDUE
            self._begin(handle, truncate=False, wait=checkpoint.LONG_WAIT if overdue else checkpoint.WAIT)

    def _begin(self, handle: Handle, *, truncate: bool, wait: int) -> asyncio.Future[bool]:
        task = asyncio.ensure_future(self._run(handle, truncate, wait))
        self._checkpoints.add(task)
        task.add_done_callback(self._checkpoints.discard)
        return task

    async def _run(self, handle: Handle, truncate: bool, wait: int) -> bool:
        handle.checkpointing = True
        # The lock will be held for longer than it makes sense to wait for on the loop.
        handle.database.patience = 0.0
        folder = files.account_folder(self._data, handle.account)
        copy = partial(checkpoint.checkpoint, folder, truncate=truncate, wait=wait)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, copy)
        except apsw.Error:
            return False  # a full or broken disk: tried again when the log has grown, or at the next rest
        finally:
            handle.checkpointing = False
            handle.database.patience = PATIENCE

    def _tend(self) -> None:
        """Accounts at rest: their log goes into the database, then the handle is closed."""
        self._tending = asyncio.get_running_loop().call_later(TEND, self._tend)
        self._close_dropped()
        now = time.monotonic()
        freed = 0
        for account, handle in list(self._open.items()):
            if handle.used > now - TEND:
                break
            freed += freed < SLIMMED and handle.slim()
            if handle.used > now - IDLE or not handle.resting:
                continue
            self._leave(handle)
            if handle.pages:
                handle.pages = handle.checked = 0
                self._begin(handle, truncate=True, wait=checkpoint.WAIT)
            else:
                del self._open[account]
                self._close(handle)
                freed += 1
        if freed:
            _return_memory()

    def _close_dropped(self) -> None:
        for handle in [handle for handle in self._dropped if handle.resting]:
            self._dropped.remove(handle)
            self._close(handle)


def _return_memory() -> None:
    """The C library keeps what closed connections have freed, unless it is told that it may not."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _stopping() -> Refused:
    return Refused("The server stops", Code.UNAVAILABLE, temporary=True)
