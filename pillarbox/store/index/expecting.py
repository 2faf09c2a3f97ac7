"""Having an account's index at hand before it is asked for the first time.

Who opens a long mailbox may search it, and the first search of a process opens `search.db` and unpacks what
it looks into: milliseconds, while the search itself takes less than one. So that is done a moment after the
mailbox has been opened, when nobody waits for it, a little at a time.

Rules of the place:
- What is held is bounded, for an account and for the process, and given back when the account has not been
  expected for a while. It is what a search would keep in memory too, and no search depends on it.
- Large vocabularies are left to who needs them: to unpack one would hold up everybody.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import apsw

from pillarbox.model.errors import Refused
from pillarbox.store.index.reader import Moved, Readers, Snapshot
from pillarbox.store.index.texts import Damaged
from pillarbox.store.turns import Turns

LEAST = 1024  # messages in a mailbox: a shorter one has a small index
DELAY = 0.05  # seconds after it has been opened: what a client asks for first comes first
QUIET = 0.02  # seconds in which nobody has used the account
AGAIN = 2.0  # seconds until it is looked again whether there is more to be held
LARGE = 1 << 18  # octets of a packed vocabulary that takes too long to unpack in one piece: two milliseconds
MOST = 8 << 20  # octets held of all accounts; those not expected for longest go
GIVEN_BACK = 300.0  # seconds after an account was last expected


class Expecting:
    """For one process. `snapshot` gives the account's index as of now, `last_used` when the account was used
    last, by the monotonic clock."""

    def __init__(
        self,
        readers: Readers,
        snapshot: Callable[[int], Awaitable[Snapshot | None]],
        last_used: Callable[[int], float],
    ) -> None:
        self._readers = readers
        self._snapshot = snapshot
        self._last_used = last_used
        self._held: OrderedDict[int, int] = OrderedDict()  # account -> octets; last expected last
        self._last: dict[int, float] = {}  # account -> when it was expected
        self._due: dict[int, asyncio.TimerHandle] = {}
        self._working: dict[int, asyncio.Task[None]] = {}
        self._giving_back: asyncio.TimerHandle | None = None

    @property
    def octets(self) -> int:
        return sum(self._held.values())

    def expect(self, account: int) -> None:
        """Somebody may search this account soon."""
        loop = asyncio.get_running_loop()
        self._last[account] = loop.time()
        if account in self._held:
            self._held.move_to_end(account)
        if account not in self._due:
            self._due[account] = loop.call_later(DELAY, self._begin, account)
        if self._giving_back is None:
            self._giving_back = loop.call_later(GIVEN_BACK, self._give_back)

    def used(self, account: int) -> None:
        """It is searched."""
        if account in self._held:
            self._held.move_to_end(account)
            self._last[account] = asyncio.get_running_loop().time()

    def _begin(self, account: int) -> None:
        loop = asyncio.get_running_loop()
        self._due[account] = loop.call_later(AGAIN, self._due.pop, account)
        if account not in self._working:
            task = self._working[account] = asyncio.create_task(self._hold(account))
            task.add_done_callback(lambda task: self._working.pop(account, None))

    async def _hold(self, account: int) -> None:
        """A failure is found again by who searches, and told then."""
        turns = Turns()
        try:
            snapshot = await self._snapshot(account)
            if snapshot is None:
                return
            for octets in snapshot.reader.unpacking(snapshot.segments, LARGE):
                self._held[account] = max(self._held.get(account, 0), octets)
                await turns.take()
                if octets > MOST:
                    break
                if self._last_used(account) > time.monotonic() - QUIET:
                    await asyncio.sleep(QUIET)  # who asks for something comes first
        except (Refused, Moved, Damaged, apsw.Error):
            return
        while len(self._held) > 1 and self.octets > MOST:
            self._forget(next(iter(self._held)))

    def _give_back(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for account, last in list(self._last.items()):
            if last <= now - GIVEN_BACK:
                self._forget(account)
        self._giving_back = None
        if self._last:
            soonest = min(self._last.values()) + GIVEN_BACK
            self._giving_back = loop.call_at(soonest, self._give_back)

    def _forget(self, account: int) -> None:
        self._last.pop(account, None)
        if self._held.pop(account, None) is not None:
            self._readers.forget(account)

    async def settle(self) -> None:
        """Until what is due is held."""
        for account, timer in list(self._due.items()):
            if account not in self._working:
                timer.cancel()
                self._begin(account)
        while self._working:
            await asyncio.wait(self._working.values())

    async def stop(self) -> None:
        for timer in (*self._due.values(), *([self._giving_back] if self._giving_back else ())):
            timer.cancel()
        self._due.clear()
        for task in self._working.values():
            task.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)
