"""A coroutine that began outside any Task, made fit to go on inside one.

Most commands never wait: stepping their coroutine once by hand costs a tenth of a Task. The one that does
wait has already yielded the future it waits for, and a new Task would start it from the top. `Begun`
stands in between: its first step hands that future to the Task as if it had just been yielded, and from
then on it only passes on what the Task sends or throws.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType
from typing import Any, TypeVar

T = TypeVar("T")
_NOTHING = object()


class Begun(Coroutine[Any, Any, T]):
    __slots__ = ("_coroutine", "_waited")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waited: Any) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def send(self, value: Any) -> Any:
        if self._waited is not _NOTHING:
            waited, self._waited = self._waited, _NOTHING
            return waited
        return self._coroutine.send(value)

    def throw(self, *thrown: Any) -> Any:
        if self._waited is not _NOTHING:
            # The Task was cancelled before its first step, so it does not know what the coroutine waits
            # for and cannot cancel that itself, as it would for any later step.
            waited, self._waited = self._waited, _NOTHING
            if asyncio.isfuture(waited):
                waited.cancel()
        return self._coroutine.throw(*thrown)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise TypeError("a begun coroutine belongs to the Task made for it")


async def _wait(awaitable: Awaitable[T]) -> T:
    return await awaitable


def begin(awaitable: Awaitable[T], loop: asyncio.AbstractEventLoop) -> asyncio.Task[T] | tuple[T]:
    """Run `awaitable` up to its first suspension: its result in a tuple, or the Task that goes on with it.

    What it raises before it suspends is raised here.
    """
    coroutine: Coroutine[Any, Any, T]
    coroutine = awaitable if type(awaitable) is CoroutineType else _wait(awaitable)
    try:
        waited = coroutine.send(None)
    except StopIteration as stop:
        return (stop.value,)
    return loop.create_task(Begun(coroutine, waited))
