"""Throttles, bans and the audit log of a running server: who holds the truth, and what the others have of it.

The process that stands for the server (the parent, or the only one) holds the ledger, saves it once a second
on a thread, takes the orders of `pillarbox ban`, and tells all others what has changed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

from pillarbox.app.config import Abuse, Config
from pillarbox.app.metering import Gathered, rates
from pillarbox.identity import audit, tallies
from pillarbox.identity.abuse import FAMILIAR, Ledger, Note, Rules, Tally
from pillarbox.identity.audit import Audit, Scribe
from pillarbox.identity.gate import Write, unwritten
from pillarbox.identity.rates import Count, Did, Meter
from pillarbox.identity.tallies import Tallies

EVERY = 1.0  # seconds between two looks at what is to be saved and what is ordered
PRUNED_EVERY = 600.0  # seconds between two looks at what is too old
DAY = 86_400.0

Report = Callable[[BaseException], object]


@dataclass(frozen=True, slots=True)
class Guard:
    """What the sessions of one process are guarded with. By itself it counts nothing and writes nothing.
    `meter` and `did`: how much networks do, which is no guess and no offence."""

    ledger: Ledger = field(default_factory=Ledger)
    take: Callable[[Note], None] = lambda note: None
    write: Write = unwritten
    meter: Meter = field(default_factory=Meter)
    did: Callable[[Did], None] = lambda did: None


class Truth:
    """The ledger that counts. `tell` logs, `changed` is told of every tally that is another one now."""

    def __init__(self, config: Config, scribe: Scribe, tell: Callable[..., object], report: Report) -> None:
        self.ledger = Ledger(rules(config.abuse))
        self.meter = Meter(rates(config.mx))
        self.measured: Callable[[list[Count]], None] = lambda counts: None
        self._counts: Gathered[Count] = Gathered(lambda counts: self.measured(counts))
        self.changed: Callable[[list[Tally]], None] = lambda tallies: None
        self._scribe = scribe
        self._tell = tell
        self._report = report
        self._file = Tallies(config.data_folder / tallies.FILE)
        self.ledger.put(self._file.all())
        self._file.orders()  # they have been saved as well
        self._unsaved: dict[tuple[str, str], Tally] = {}

    @property
    def guard(self) -> Guard:
        return Guard(self.ledger, self.take, self._scribe.note, self.meter, self.did)

    def adopt(self, config: Config) -> None:
        self.ledger.rules = rules(config.abuse)
        self.meter.rates = rates(config.mx)

    def did(self, did: Did) -> None:
        if (count := self.meter.take(did, time.time())) is not None:
            self._counts.add(count)

    def take(self, note: Note) -> None:
        now = time.time()
        changed = self.ledger.take(note, now)
        for each in changed:
            if each.since == now and each.until > now:
                self._announce(note, each)
        self._keep(changed)

    def _announce(self, note: Note, shut: Tally) -> None:
        seconds = int(shut.until - shut.since)
        self._tell("banned", kind=shut.kind, key=shut.key, seconds=seconds, reason=shut.reason)
        self._scribe.note(
            "ban",
            account=audit.account_name(shut.key) if shut.kind == "code" else "",
            address=note.network,
            detail=f"{shut.reason}, for {seconds} seconds",
        )

    def _keep(self, changed: list[Tally]) -> None:
        for each in changed:
            self._unsaved[each.kind, each.key] = each
        if changed:
            self.changed(changed)

    async def run(self) -> None:
        """For as long as the server runs."""
        while True:
            await asyncio.sleep(EVERY)
            await self.sync()

    async def sync(self) -> None:
        unsaved, self._unsaved = self._unsaved, {}
        try:
            orders = await asyncio.to_thread(self._exchange, list(unsaved.values()))
        except Exception as error:
            self._unsaved = unsaved | self._unsaved
            self._report(error)
            return
        now = time.time()
        for each in orders:
            seconds = each.until - now
            made = (
                self.ledger.ban(each.network, now, seconds)
                if seconds > 0
                else self.ledger.lift(each.network, now)
            )
            self._keep([made])

    def _exchange(self, unsaved: list[Tally]) -> list[tallies.Order]:
        if unsaved:
            self._file.save(unsaved)
        return self._file.orders()

    def close(self) -> None:
        self._file.save(self._unsaved.values())
        self._file.forget(time.time() - FAMILIAR)
        self._file.close()


@asynccontextmanager
async def guarding(config: Config, tell: Callable[..., object], report: Report) -> AsyncIterator[Truth]:
    """The truth, until the context is left. What has been noted by then is on the disk."""
    scribe = Scribe(config.data_folder / audit.FILE, clock=time.time, report=report)
    try:
        truth = Truth(config, scribe, tell, report)
        running = asyncio.create_task(truth.run())
        try:
            yield truth
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            truth.close()
    finally:
        scribe.close()


@asynccontextmanager
async def pruning(config: Config, report: Report) -> AsyncIterator[None]:
    """The audit log is kept within its bounds while the context lasts; for one process of a server."""

    def prune() -> None:
        log = Audit(config.data_folder / audit.FILE)
        try:
            log.prune(time.time() - config.audit.days * DAY, config.audit.entries)
        finally:
            log.close()

    async def run() -> None:
        while True:
            try:
                await asyncio.to_thread(prune)
            except Exception as error:
                report(error)
            await asyncio.sleep(PRUNED_EVERY)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rules(abuse: Abuse) -> Rules:
    return Rules(
        abuse.delay_after,
        abuse.longest_delay,
        abuse.ban_after,
        abuse.window,
        abuse.ban,
        max(abuse.ban, abuse.longest_ban),
        abuse.codes,
        tuple(ip_network(each, strict=False) for each in abuse.exempt),
    )
