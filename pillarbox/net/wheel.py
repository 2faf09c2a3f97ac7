"""One coarse clock for the timeouts of all connections of a process.

A timer per event would cost more than the event. Each connection is in one slot of the wheel; when the
slot's second comes, the connection says whether it is really due (most have heard from their peer since)
and is put where it may be due next. So an event costs nothing here and ten thousand idle connections
cost one look each per timeout. Timeouts are up to one tick late, never early.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timed(Protocol):
    slot: int  # the wheel's own; 0 = not on it

    def overdue(self, now: float) -> float | None:
        """Act if due; the time when to ask again, or None for never."""


class Wheel:
    __slots__ = ("_handle", "_slots", "_tick", "_turned", "now")

    def __init__(self, clock: Callable[[], float] = time.monotonic, tick: float = 1.0) -> None:
        self.now = clock
        self._tick = tick
        self._slots: dict[int, set[Timed]] = {}
        self._turned = int(clock() / tick)
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, timed: Timed, due: float) -> None:
        """Ask `timed` at `due`, and no more at the time said before."""
        self.disarm(timed)
        if not self._slots:
            self._turned = int(self.now() / self._tick)
        slot = max(int(due / self._tick) + 1, self._turned + 1)
        timed.slot = slot
        self._slots.setdefault(slot, set()).add(timed)
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._tick, self._turn_again)

    def disarm(self, timed: Timed) -> None:
        slot = self._slots.get(timed.slot)
        if slot is not None:
            slot.discard(timed)
            if not slot:
                del self._slots[timed.slot]
        timed.slot = 0

    def turn(self) -> None:
        """Ask everyone whose time may have come."""
        now = self.now()
        until = int(now / self._tick)
        past = [slot for slot in self._slots if slot <= until]
        self._turned = until
        for slot in sorted(past):
            for timed in self._slots.pop(slot):
                if timed.slot != slot:  # taken off by one asked before it
                    continue
                timed.slot = 0
                due = timed.overdue(now)
                if due is not None:
                    self.arm(timed, due)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn_again(self) -> None:
        self._handle = None
        self.turn()
        if self._slots and self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._tick, self._turn_again)
