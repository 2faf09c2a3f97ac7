"""Long work on the event loop, a little at a time."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def at_once(work: Generator[None, None, T]) -> T:
    """What `work` returns, without a turn for anybody else."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


SLICE = 0.002  # seconds of work before others have their turn


class Turns:
    """Asked often, it lets others have their turn when it is time."""

    __slots__ = ("_now", "_until")

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._until = self._now() + SLICE

    async def take(self) -> None:
        if self._now() >= self._until:
            await asyncio.sleep(0)
            self._until = self._now() + SLICE

    async def through(self, work: Generator[None, None, T]) -> T:
        """What `work` returns. It yields now and then, best more often than once in half a millisecond."""
        try:
            while True:
                next(work)
                await self.take()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
