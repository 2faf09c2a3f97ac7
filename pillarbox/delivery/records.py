"""The record of what became of messages: gathered in memory, written a second or so later.

Nobody waits for it. What a process has not written when it is killed is missing from the record, never mail.
"""

import asyncio
from contextlib import suppress

from pillarbox.delivery.queue import waiting
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.entries import Event
from pillarbox.model.errors import Refused

PAUSE = 0.5  # seconds between two writings
MOST = 10_000  # events held; beyond that, the record has gaps


class Records:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._held: list[Event] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, event: Event) -> None:
        if len(self._held) < MOST:
            self._held.append(event)
        if self._task is None:
            self._task = asyncio.create_task(self._later())

    async def write(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        if held:
            with suppress(Refused):  # a full disk
                await self._queue.do(waiting.note, held, durable=False)

    async def _later(self) -> None:
        try:
            await asyncio.sleep(PAUSE)
            await self.write()
        finally:
            self._task = None
        if self._held:
            self._task = asyncio.create_task(self._later())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.write()
