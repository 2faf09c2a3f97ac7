"""Once a day is over, its reports go into the queue like all mail, from the null sender.

A report is marked as told after it is in the queue: if the process dies in between, it goes out again, under
the same id and file name, by which the other side knows it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pillarbox.delivery.dmarc_reports.letter import letter
from pillarbox.delivery.dmarc_reports.seen import DAY, KEPT, Day, Reports
from pillarbox.delivery.patience import within
from pillarbox.delivery.queue import bell, waiting
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.entries import Event, Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from pillarbox.filter import dns
from pillarbox.filter.auth.dmarc.destinations import Destination, destinations
from pillarbox.filter.auth.dmarc.walk import Trouble
from pillarbox.filter.auth.domains import within as is_within
from pillarbox.identity.directory import Recipient

T = TypeVar("T")
Sign = Callable[[bytes], Awaitable[bytes]]

LOOK = 900.0  # seconds between two looks
PATIENCE = 30.0  # seconds for the questions about one domain
GIVEN_UP = 3  # days after which it is not tried again whether a destination wants reports
LARGEST = 1024 * 1024  # octets of a report that is sent at all; 5,000 rows take a fifth


class Sender:
    """`find` is the account of an address here; `spared`: domains that get none; `name` makes trace ids;
    `sign` puts our signatures before a message."""

    def __init__(
        self,
        folder: Path,
        queue: Queue,
        resolve: dns.Resolve,
        find: Callable[[str, str | None], Recipient | None],
        *,
        hostname: str,
        sign: Sign,
        spared: Iterable[str] = (),
        clock: Callable[[], float],
        name: Callable[[], str],
        report: Callable[[BaseException], object],
    ) -> None:
        self._folder = folder
        self._queue = queue
        self._resolve = resolve
        self._find = find
        self._hostname = hostname
        self._sign = sign
        self._spared = tuple(spared)
        self._clock = clock
        self._name = name
        self._report = report

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                self._report(error)  # a full disk, or a bug of ours
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Send what is due."""
        today = int(self._clock()) // DAY
        for day, domain in await self._do(lambda reports: reports.due(today)):
            found = await self._do(lambda reports: reports.read(day, domain))  # noqa: B023
            how = await self._tell(found, today)
            if how:
                now = int(self._clock())
                await self._do(lambda reports: reports.told(day, domain, now, how))  # noqa: B023
        await self._do(lambda reports: reports.forget(today - KEPT))

    async def _tell(self, day: Day, today: int) -> str:
        """What became of it; "" while that is not known."""
        if any(is_within(day.domain, each) for each in self._spared):
            return "spared"
        try:
            asking = destinations(day.rows[-1].row)
            found = await asyncio.ensure_future(dns.resolved(asking, within(self._resolve, PATIENCE)))
        except Trouble:
            return "" if today - day.day <= GIVEN_UP else "the DNS did not say who wants it"
        told = [each.address for each in found if await self._put(day, each)]
        return f"sent to {', '.join(told)}" if told else "nobody there wants it"

    async def _put(self, day: Day, to: Destination) -> bool:
        now = int(self._clock())
        raw, message_id, octets = letter(day, to.address, hostname=self._hostname, now=now)
        if octets > min(to.most or LARGEST, LARGEST):
            return False  # RFC 7489 7.2.1: such a destination is not used
        raw = await self._sign(raw)
        recipient = self._find(to.address, None)
        waits = Waiting(
            to.address,
            to.address if recipient is None else recipient.address,
            recipient is not None,
            None if recipient is None else recipient.detail,
            notify="NEVER",
            due_at=now,
        )
        trace = self._name()
        news = [New(Letter(trace, "", small(raw), now, message_id), (waits,))]
        events = [Event(now, trace, message_id, "queued", to.address, f"DMARC report for {day.domain}")]
        await self._queue.do(waiting.put, news, events)
        bell.ring(self._queue.folder)
        return True

    async def _do(self, verb: Callable[[Reports], T]) -> T:
        def run() -> T:
            reports = Reports(self._folder)
            try:
                return verb(reports)
            finally:
                reports.close()

        return await asyncio.to_thread(run)
