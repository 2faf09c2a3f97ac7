"""A long command tells how far it is (RFC 9585), so that nobody takes the server for dead.

    with Progress(session, tag, goal) as progress:
        progress.done += 1

Rules of the place:
* a timer tells, not the work: a command that waits for a lock or a disk is heard of too, and a quick one
  costs no more than setting the timer;
* a client that has closed its side is told every second: when it has gone altogether, that is how the kernel
  comes to know, and then the command ends;
* only around commands whose answer is made whole at their end (never FETCH): what is told goes out at once,
  and would otherwise stand in the middle of a literal.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.limits import NUMBER
from pillarbox.imap.wire.response import InProgress, ok

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

LOOK = 1.0  # seconds between two looks at whether there is something to tell
PERCENT = 100  # the goal where the true one is more than the grammar's numbers can say


class Progress:
    """`goal` is how many items there are to do, 0 when that is not known; `done` grows up to it."""

    __slots__ = ("_due", "_session", "_tag", "_timer", "done", "goal")

    def __init__(self, session: Session, tag: bytes, goal: int = 0) -> None:
        self._session = session
        self._tag = tag
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.goal = goal
        self.done = 0

    def __enter__(self) -> Progress:
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._due = asyncio.get_running_loop().time() + self._session.services.settings.progress_every
        self._arm()

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(min(self._due, loop.time() + LOOK), self._look)

    def _look(self) -> None:
        connection = self._session.connection
        if not connection.half_closed and asyncio.get_running_loop().time() < self._due:
            self._arm()
            return
        if connection.writable:
            told = ok(None, "Still at work", self._code())
            connection.push(encode(told, self._session.kind))
        self._wait()

    def _code(self) -> InProgress:
        if not self.goal:
            return InProgress(self._tag)
        done, goal = self.done, self.goal
        if goal > NUMBER:
            done, goal = done * PERCENT // goal, PERCENT
        # RFC 9585 4: the goal is greater than the progress, and is not reached before the command is over.
        return InProgress(self._tag, min(done, goal - 1), goal)
