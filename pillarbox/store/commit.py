"""Making commits durable without holding up the event loop.

A verb commits inline with `synchronous=NORMAL`: its frames are in the write-ahead log and every reader
sees them, but they would not survive power loss. One `fdatasync` of the log makes everything durable
that was committed before it began, so at most one is in flight an account, and whoever comes meanwhile
is answered by the next. That is group commit without a queue: the slower the disk, the larger the group.

Why this is the same promise as `synchronous=FULL`, and how it was proven: docs/decisions/001-commit.md.

Rules of the place:
- The descriptor belongs to the log of an open connection and is closed before it: the log's file then
  is the one SQLite writes to, as SQLite never replaces it while somebody has the database open.
- A failed sync is final. The kernel has dropped the pages it could not write, so a later sync that
  succeeds says nothing about them, and a hole in the log hides all that follows. `Log` never syncs again;
  `store.handles` mends the account before it accepts another durable write.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pillarbox.model.errors import Code, NoAccount, Refused


def to_disk(fd: int) -> None:
    """The bytes of a file and what is needed to find them, on the medium."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)


Answers = list[tuple[asyncio.Future[Any], Any]]
"""Whom to answer with what, once it is on disk."""


class Log:
    """The write-ahead log of one open account, and those who wait for it to be on disk. `begin` syncs a
    descriptor (`Syncs.begin`).

    `ring(modseq)` is called when a mod-sequence given to `answer` has become durable, also when the one
    who waited for it has gone away. `idle()` is called when no sync is in flight any longer.
    """

    __slots__ = (
        "_begin",
        "_fd",
        "_idle",
        "_modseq",
        "_ring",
        "_running",
        "_unlinked",
        "_waiting",
        "failed",
    )

    def __init__(
        self,
        path: Path,
        begin: Callable[[int], asyncio.Future[None]],
        ring: Callable[[int], None],
        idle: Callable[[], None],
    ) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self._begin = begin
        self._ring = ring
        self._idle = idle
        self._running: asyncio.Future[None] | None = None
        self._waiting: Answers = []
        self._modseq = 0  # to ring once the next sync is done; 0 = nothing moved
        self._unlinked = False
        self.failed = False

    @property
    def busy(self) -> bool:
        return self._running is not None

    def durable(self, modseq: int) -> asyncio.Future[None]:
        """Done when all that was committed before this call is on disk. `modseq` 0 rings nobody."""
        future = asyncio.get_running_loop().create_future()
        self.answer(modseq, [(future, None)])
        return future

    def answer(self, modseq: int, answers: Answers) -> None:
        """As `durable`, for many."""
        self._waiting += answers
        self._modseq = max(self._modseq, modseq)
        if self.failed:
            self._refuse(self._waiting)
        elif self._running is None:
            self._start()

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, []
        modseq, self._modseq = self._modseq, 0
        job = self._begin(self._fd)
        job.add_done_callback(lambda job: self._done(job, waiting, modseq))
        self._running = job

    def _done(self, job: asyncio.Future[None], waiting: Answers, modseq: int) -> None:
        self._running = None
        synced = not job.cancelled() and job.exception() is None
        # A log that is a file without a name: what is written there nobody will find.
        self._unlinked = synced and os.fstat(self._fd).st_nlink == 0
        if not synced or self._unlinked:
            self.failed = True
            self._refuse(waiting + self._waiting)
        else:
            for future, result in waiting:
                if not future.done():
                    future.set_result(result)
            if modseq:
                self._ring(modseq)
            if self._waiting:
                self._start()
                return
        self._idle()

    def _refuse(self, waiting: Answers) -> None:
        self._waiting = []
        for future, _ in waiting:
            if not future.done():
                future.set_exception(self.refusal())

    def refusal(self) -> Refused:
        """Why nothing can be promised after it has failed."""
        if self._unlinked:
            return NoAccount()
        return Refused("The disk did not take the change", Code.UNAVAILABLE, temporary=True)

    async def settle(self) -> None:
        """Until no sync is in flight."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def close(self) -> None:
        """Only when not `busy`: a descriptor's number may be given to another file at once."""
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)
