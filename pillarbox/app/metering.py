"""How the processes of a server share what networks do: gathered for a moment, told, and measured by one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from pillarbox.app.arriving import Mx
from pillarbox.identity.rates import Did, Rates

T = TypeVar("T")

PAUSE = 0.1  # seconds in which what is to be told is gathered: a rush is a few messages
MOST = 5_000  # told at once


class Gathered(Generic[T]):
    """`send` is called with what was added, on the loop that runs then."""

    def __init__(self, send: Callable[[list[T]], None]) -> None:
        self._send = send
        self._held: list[T] = []

    def add(self, item: T) -> None:
        self._held.append(item)
        if len(self._held) == 1:
            asyncio.get_running_loop().call_later(PAUSE, self._tell)
        elif len(self._held) >= MOST:
            self._tell()

    def _tell(self) -> None:
        held, self._held = self._held, []
        if held:
            self._send(held)


def summed(done: Iterable[Did]) -> tuple[Did, ...]:
    """One of each kind and network."""
    times: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], Did] = {}
    for each in done:
        first.setdefault((each.kind, each.network), each)
        times[each.kind, each.network] += each.times
    return tuple(Did(each.kind, each.network, times[key]) for key, each in first.items())


def rates(mx: Mx) -> Rates:
    return Rates(
        mx.connections_per_hour,
        mx.messages_per_hour,
        mx.recipients_per_hour,
        mx.unknown_per_hour,
        mx.errors_per_hour,
    )
