"""Once a day: reports to those who want them (RFC 8460), and policies fetched again before they end."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from pillarbox.delivery.queue import bell, waiting
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.entries import OPTIONAL, Letter, Waiting, small
from pillarbox.delivery.queue.waiting import New
from pillarbox.delivery.trust import results, tlsrpt
from pillarbox.delivery.trust.database import Trust
from pillarbox.delivery.trust.https import Failed
from pillarbox.delivery.trust.policies import Policies
from pillarbox.delivery.trust.results import DAY
from pillarbox.delivery.trust.tlsrpt import Places
from pillarbox.filter.dns import Found, Kind, Question, Resolve, is_name
from pillarbox.identity.directory import Recipient

PAUSE = 600.0  # seconds between two looks
SPREAD = 4 * 3600  # seconds after midnight within which a report goes: RFC 8460 4.1
GIVEN_UP = DAY  # seconds after that, then what could not be delivered is not any more: RFC 8460 5.5

Post = Callable[[str, int | None, str, str, bytes], Awaitable[None]]


class Daily:
    """`find` is the account of an address; `sign` puts our signatures before a message (RFC 8460 3)."""

    def __init__(
        self,
        trust: Trust,
        resolve: Resolve,
        policies: Policies,
        queue: Queue,
        find: Callable[[str, str | None], Recipient | None],
        sign: Callable[[bytes], Awaitable[bytes]],
        post: Post,
        *,
        hostname: str,
        clock: Callable[[], float],
        report: Callable[[BaseException], object],
    ) -> None:
        self._trust = trust
        self._resolve = resolve
        self._policies = policies
        self._queue = queue
        self._find = find
        self._sign = sign
        self._post = post
        self._hostname = hostname
        self._clock = clock
        self._report = report

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except Exception as error:  # a full disk; there is another round
                self._report(error)
            await asyncio.sleep(PAUSE)

    async def round(self) -> None:
        now = self._clock()
        today = int(now // DAY)
        for day, domain in await asyncio.to_thread(self._trust.do, lambda db: results.untold(db, today)):
            if now >= (day + 1) * DAY + self._delay(day):
                await self._tell(day, domain, now)
        await self._policies.refresh()
        await asyncio.to_thread(self._trust.do, lambda db: results.tidy(db, today))

    def _delay(self, day: int) -> int:
        """Different for each server and day, so that not all of the world reports at midnight."""
        return zlib.crc32(f"{self._hostname} {day}".encode()) % SPREAD

    async def _tell(self, day: int, domain: str, now: float) -> None:
        last = now >= (day + 1) * DAY + self._delay(day) + GIVEN_UP
        places: Places | None = Places()
        if is_name(f"_smtp._tls.{domain}"):
            answer = await self._resolve(Question(f"_smtp._tls.{domain}", Kind.TXT))
            places = None if answer.found is Found.TROUBLE else tlsrpt.places(answer.values)
        if places is None:
            if not last:
                return
            places = Places()
        sent_to = ""
        if places != Places():
            counts = await asyncio.to_thread(self._trust.do, lambda db: results.counts(db, day, domain))
            content = tlsrpt.packed(tlsrpt.document(counts, day, domain, self._hostname))
            posted = await self._posted(places, content)
            if not posted and not last:
                return
            if places.addresses:
                await self._mail(places, content, day, domain, now)
            sent_to = str(places if posted else Places(places.addresses))
        await asyncio.to_thread(self._trust.do, lambda db: results.told(db, day, domain, sent_to, now))

    async def _posted(self, places: Places, content: bytes) -> bool:
        try:
            for web in places.webs:
                await self._post(web.host, web.port, web.path, "application/tlsrpt+gzip", content)
        except Failed:
            return False
        return True

    async def _mail(self, places: Places, content: bytes, day: int, domain: str, now: float) -> None:
        hostname = self._hostname
        raw = await self._sign(tlsrpt.message(content, day, domain, hostname, places.addresses, now))
        id = tlsrpt.id_of(day, domain, hostname)
        # From nobody: that a report cannot be delivered is told to nobody.
        letter = Letter(f"tlsrpt-{day}-{domain}"[:100], "", small(raw), int(now), id, tls=OPTIONAL)
        recipients = []
        for address in places.addresses:
            found = self._find(address, None)
            target = address if found is None else found.address
            detail = None if found is None else found.detail
            to = Waiting(address, target, found is not None, detail, notify="NEVER", due_at=int(now))
            recipients.append(to)
        await self._queue.do(waiting.put, [New(letter, tuple(recipients))])
        bell.ring(self._queue.folder)
