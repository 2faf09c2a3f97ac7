"""Takes from the queue what is due, delivers it, and settles it. One process of a server does, and only one.

A lock on a file, which the kernel lets go of however a process ends, says who. Who gets it releases what
another had taken when it died: nothing of that was settled, so it goes out again, at worst a second time.

Jobs of one destination wait in one line. A few conversations serve it, each with one message after another
while there are any, so a connection is used for all that goes the same way. Local recipients are a line too.
"""

import asyncio
import fcntl
import os
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.envelope import Addressed, Envelope
from pillarbox.delivery.outbound import schedule
from pillarbox.delivery.outbound.conversation import (
    Conversation,
    Message,
    To,
    Way,
)
from pillarbox.delivery.outbound.opening import Opener, Smarthost
from pillarbox.delivery.outbound.reports import Action, Told, report
from pillarbox.delivery.outcome import TROUBLE, UNKNOWN_USER, Outcome
from pillarbox.delivery.queue import bell, waiting
from pillarbox.delivery.queue.database import FOLDER, Queue
from pillarbox.delivery.queue.entries import REQUIRED, Content, Event, Letter, Waiting, forget, small
from pillarbox.delivery.queue.waiting import Job, New, Settled
from pillarbox.delivery.trust.policies import Policies
from pillarbox.delivery.trust.results import Session
from pillarbox.delivery.wishes import Wishes
from pillarbox.filter.dns import Resolve
from pillarbox.identity.addresses import fold_domain
from pillarbox.identity.directory import Recipient
from pillarbox.model.errors import Refused

LOCK = "queue.lock"
LOOK = 30.0  # seconds between two looks that nobody has asked for
LINGER = 1.0  # seconds a conversation waits for another message to the same destination
AT_ONCE = 100  # conversations
EACH = 4  # of one destination
MOST_TAKEN = 500  # recipients taken and not yet settled
MOST_OF_ONE = 100  # of one domain: a slow one takes no other's place
ROOM = 50  # of these, below which nobody looks for more
MOST_RECIPIENTS = 100  # of one transaction: what every server takes (RFC 5321 4.5.3.1.8)
RECORD_AGAIN = 5.0  # seconds after the queue could not be written
GRACE = 5.0  # seconds that messages being sent have when the server stops
LARGE = 1024 * 1024  # octets; larger messages are in memory one at a time
TIDY = 3600.0
ORPHAN_SECONDS = 3600.0  # a file that no row points to is being written, or left by who died

EXPIRED = Outcome(554, "5.4.7", "The time it had to be there in is over")  # RFC 2852 4.1.3
LATE = Outcome(451, "4.4.7", "It should have been there by now, and is tried on")

HERE = ""  # the destination of local recipients


@dataclass(frozen=True, slots=True)
class Settings:
    """`route` is the smarthost for a (folded) domain, None where its own hosts are asked; `way` is theirs."""

    hostname: str
    way: Way = Way()  # noqa: RUF009
    route: Callable[[str], Smarthost | None] = lambda domain: None
    lifetime: int = schedule.LIFETIME
    delay_told: int = schedule.DELAY_TOLD


@dataclass(frozen=True, slots=True)
class Result:
    """What one recipient's attempt came to, and which host said so."""

    outcome: Outcome
    host: str = ""
    tells: bool = False  # that host will tell the sender of success itself (RFC 3461 5.2.1)
    keeps_time: bool = False  # it knows of the time that the message has (RFC 2852)


@dataclass(slots=True)
class _Line:
    """What waits for one destination."""

    jobs: deque[Job] = field(default_factory=deque)
    serving: int = 0
    reached: bool = False  # somebody answers there
    more: asyncio.Event = field(default_factory=asyncio.Event)


class Runner:
    """`find` is the account of an address, as the directory knows it now; `original` is the sender that an
    envelope sender stands for, which differs in mail that is sent on; `random` gives 0 to 1; `shuffle`
    mixes a list; `name` makes names for reports, and `sign` signs them.
    `policies` are those of other domains, `note` counts what becomes of sessions with them."""

    def __init__(
        self,
        queue: Queue,
        delivery: Delivery,
        find: Callable[[str, str | None], Recipient | None],
        original: Callable[[str], str],
        resolve: Resolve,
        settings: Settings,
        *,
        random: Callable[[], float],
        shuffle: Callable[[list[str]], None],
        name: Callable[[], str],
        report: Callable[[BaseException], object],
        sign: Callable[[bytes], Awaitable[bytes]] | None = None,
        policies: Policies | None = None,
        note: Callable[[Session], Awaitable[None]] | None = None,
    ) -> None:
        self._queue = queue
        self._delivery = delivery
        self._find = find
        self._original = original
        self._settings = settings
        self._random = random
        self._opener = Opener(
            resolve,
            settings.route,
            settings.way,
            hostname=settings.hostname,
            shuffle=shuffle,
            clock=delivery.clock,
            policies=policies,
            note=note,
        )
        self._name = name
        self._report = report
        self._sign = sign
        self._lines: dict[str, _Line] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._large = asyncio.Lock()
        self._taken = 0
        self._busy: Counter[str] = Counter()  # of these, by domain
        self._rung = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until it is cancelled; what is being sent then is given up and goes out again later."""
        with bell.listening(self._queue.folder) as self._rung:
            async with _only_one(self._queue.folder):
                await self._queue.do(waiting.release)
                tidied = -TIDY
                loop = asyncio.get_running_loop()
                try:
                    while True:
                        self._rung.clear()
                        try:
                            if loop.time() - tidied >= TIDY:
                                tidied = loop.time()
                                await self._tidy()
                            pause = await self._look()
                        except Refused:
                            pause = LOOK  # a full disk, most likely
                        with suppress(TimeoutError):
                            async with asyncio.timeout(pause):
                                await self._rung.wait()
                finally:
                    await self._end()

    async def _end(self) -> None:
        """Messages being sent may arrive, and no other is begun."""
        for line in self._lines.values():
            line.jobs = deque()
            line.more.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What is due

    async def _look(self) -> float:
        """Take what is due and give it its turn; how long until something will be."""
        room = MOST_TAKEN - self._taken
        if room < ROOM:
            return LOOK  # what is settled rings
        jobs = await self._queue.do(
            waiting.take, self._now(), room, MOST_OF_ONE, dict(self._busy), durable=False
        )
        for job in jobs:
            self._taken += len(job.recipients)
            self._busy.update(each.domain for each in job.recipients)
            self._line_up(job)
        full = [domain for domain, count in self._busy.items() if count >= MOST_OF_ONE]
        due = await self._queue.do(waiting.next_due, full, durable=False)
        return LOOK if due is None else max(0.05, min(LOOK, due - self._delivery.clock()))

    def _free(self, recipients: Sequence[Waiting]) -> None:
        """They are settled; more is looked for when it is worth it."""
        before = self._taken
        self._taken -= len(recipients)
        wanted = self._taken <= MOST_TAKEN - ROOM < before
        for domain, count in Counter(each.domain for each in recipients).items():
            had = self._busy[domain]
            self._busy[domain] -= count
            wanted = wanted or self._busy[domain] <= MOST_OF_ONE // 2 < had
            if not self._busy[domain]:
                del self._busy[domain]
        if wanted:
            self._rung.set()

    def _line_up(self, job: Job) -> None:
        by_destination: dict[str, list[Waiting]] = {}
        for each in job.recipients:
            # What is asked of TLS is asked of the conversation: who asks for more uses no other's.
            way = f"{self._destination(each)} {_wish(job.letter)}".strip()
            by_destination.setdefault(way, []).append(each)
        for destination, recipients in by_destination.items():
            line = self._lines.setdefault(destination, _Line(reached=destination == HERE))
            for start in range(0, len(recipients), MOST_RECIPIENTS):
                line.jobs.append(Job(job.letter, tuple(recipients[start : start + MOST_RECIPIENTS])))
            if _priority(line.jobs[0]) < job.letter.wishes.priority or len(line.jobs) > 1:
                line.jobs = deque(sorted(line.jobs, key=_priority, reverse=True))  # RFC 6710 5.1; stable
            line.more.set()
            self._staff(destination, line)

    def _staff(self, destination: str, line: _Line) -> None:
        """One conversation finds out whether there is anybody; others begin when there is."""
        while line.serving < min(EACH if line.reached else 1, len(line.jobs)):
            line.serving += 1
            task = asyncio.create_task(self._serve(destination, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _destination(self, recipient: Waiting) -> str:
        if recipient.local:
            return HERE
        domain = fold_domain(recipient.target.rpartition("@")[2])
        smarthost = self._settings.route(domain)
        return f"{smarthost.host}:{smarthost.way.port}" if smarthost is not None else domain

    async def _serve(self, destination: str, line: _Line) -> None:
        conversation: Conversation | None = None
        try:
            while line.jobs:
                async with self._turns:
                    while line.jobs:
                        conversation, failed = await self._attend(line.jobs.popleft(), conversation)
                        if failed is not None:
                            await self._give_up(line, failed)
                        elif conversation is not None and not line.reached:
                            line.reached = True
                            self._staff(destination, line)
                    if conversation is not None and conversation.usable:
                        line.more.clear()
                        with suppress(TimeoutError):
                            async with asyncio.timeout(LINGER):
                                await line.more.wait()
        finally:
            line.serving -= 1
            if not line.serving and not line.jobs:
                self._lines.pop(destination, None)
            if conversation is not None:
                await conversation.quit()

    async def _give_up(self, line: _Line, failed: Outcome) -> None:
        """Nobody can be reached there: what waits for the same now does not find that out one by one, which
        may take half a minute each. What comes later tries again."""
        line.reached = False
        jobs, line.jobs = line.jobs, deque()
        for job in jobs:
            await self._attend(job, None, failed)

    async def _attend(
        self, job: Job, conversation: Conversation | None, failed: Outcome | None = None
    ) -> tuple[Conversation | None, Outcome | None]:
        """One job from beginning to end. However it fails, the queue keeps what is not settled. Why nobody
        could be reached comes back with the conversation; where it is known before, nobody is called."""
        try:
            async with self._memory(job.letter):
                content = await asyncio.to_thread(job.letter.content.read, self._queue.folder)
                if failed is not None:
                    results = [Result(failed)] * len(job.recipients)
                elif job.letter.wishes.expired(self._now()):
                    results = [Result(EXPIRED)] * len(job.recipients)
                elif job.recipients[0].local:
                    results = await self._deliver(job, content)
                else:
                    results, conversation, failed = await self._send(job, content, conversation)
                await self._settle(job, results, content)
        except Exception as error:
            # Our bug, or a file that cannot be read: it waits, and is tried again.
            self._report(error)
            await self._settle(job, [Result(TROUBLE)] * len(job.recipients), b"")
        finally:
            self._free(job.recipients)
        return conversation, failed

    @asynccontextmanager
    async def _memory(self, letter: Letter) -> AsyncIterator[None]:
        if letter.content.size <= LARGE:
            yield
        else:
            async with self._large:
                yield

    # Delivering

    async def _deliver(self, job: Job, content: bytes) -> list[Result]:
        letter, results = job.letter, []
        for each in job.recipients:
            recipient = self._find(each.target, each.detail)
            if recipient is None:
                results.append(Result(UNKNOWN_USER))
                continue
            # The trace makes it once, however often this is done.
            to = Addressed(each.address, recipient)
            binary = letter.body == "BINARYMIME"
            priority = letter.wishes.priority
            envelope = Envelope(letter.sender, (to,), letter.trace, None, letter.trace, binary, priority)
            incoming = self._delivery.begin(envelope)
            await incoming.write(content)
            results.append(Result((await incoming.finish())[0]))
        return results

    async def _send(
        self, job: Job, content: bytes, conversation: Conversation | None
    ) -> tuple[list[Result], Conversation | None, Outcome | None]:
        letter, recipients = job.letter, job.recipients
        if letter.body == "BINARYMIME" and not _is_lines(content):
            failed = Outcome(554, "5.6.3", "Content that is not lines cannot be sent on")
            return [Result(failed)] * len(recipients), conversation, None
        to = [To(each.target, each.notify, each.orcpt) for each in recipients]
        required = letter.tls == REQUIRED
        for fresh in (False, True):
            if conversation is None or not conversation.usable:
                domain = recipients[0].target.rpartition("@")[2]
                opened = await self._opener.open(domain, _wish(letter))
                if isinstance(opened, Outcome):
                    return [Result(opened)] * len(recipients), None, opened
                conversation, fresh = opened, True
            wishes, now = letter.wishes, self._now()
            message = Message(
                *(letter.sender, to, content, letter.utf8, letter.ret, letter.envid),
                requires_tls=required,
                wishes=wishes,
                now=now,
            )
            outcomes = await conversation.send(message)
            if fresh or conversation.usable or any(each.delivered for each in outcomes):
                break
            conversation = None  # it had been closed since it was last used
        assert conversation is not None
        tells, keeps_time = conversation.offers("dsn"), conversation.offers("deliverby")
        name = conversation.host.name
        return [Result(each, name, tells, keeps_time) for each in outcomes], conversation, None

    # Settling

    async def _settle(self, job: Job, results: Sequence[Result], content: bytes) -> None:
        letter, now = job.letter, self._now()
        settled, told, events = [], [], []
        for each, result in zip(job.recipients, results):
            one, tell = self._fate(letter, each, result, now)
            settled.append(one)
            if letter.sender:
                told += [
                    Told(each, what, outcome, "" if outcome is LATE else result.host)
                    for what, outcome in tell
                ]
            events.append(self._event(letter, each, result, one, now))
        news = await self._reports(letter, told, content, now)
        gone = await self._record(letter, settled, news, events)
        if gone is not None:
            await asyncio.to_thread(forget, gone, self._queue.folder)
        if news:
            self._rung.set()

    async def _record(
        self, letter: Letter, settled: list[Settled], news: list[New], events: list[Event]
    ) -> Content | None:
        """What has been delivered is not delivered again because the disk was full for a while."""
        while True:
            try:
                return await self._queue.do(waiting.settle, letter.id, settled, news, events)
            except Refused:
                await asyncio.sleep(RECORD_AGAIN)

    def _fate(
        self, letter: Letter, each: Waiting, result: Result, now: int
    ) -> tuple[Settled, list[tuple[Action, Outcome]]]:
        """Whether it is over, and what the sender is told."""
        outcome, settings, by = result.outcome, self._settings, letter.wishes.by
        said = f"{result.host}: {outcome.code} {outcome.enhanced} {outcome.text}".removeprefix(": ")
        # RFC 2852 4.1.3: told once, and not by who got it when it was late already.
        late = by is not None and not by.returns and letter.arrived_at < by.at <= now and not each.told_late
        tell = [(Action.DELAYED, LATE)] if late and each.tells("DELAY") else []
        if outcome.delivered:
            wanted = each.tells("SUCCESS") and (each.local or not result.tells)
            if wanted or _traced(letter, each, result, now):
                tell.append((Action.DELIVERED if each.local else Action.RELAYED, outcome))
            return Settled(each.n), tell
        again = schedule.again_at(now, each.attempts + 1, self._random)
        if by is not None and now < by.at < again:
            again = by.at
        if outcome.code >= 500 or again > letter.begins_at + settings.lifetime:
            return Settled(each.n), [(Action.FAILED, outcome)] if each.tells("FAILURE") else []
        delayed = now - letter.begins_at >= settings.delay_told and not each.told_delay
        if delayed and each.tells("DELAY") and not tell:
            tell = [(Action.DELAYED, outcome)]
        return Settled(each.n, again, said, delayed, late), tell

    def _event(self, letter: Letter, each: Waiting, result: Result, one: Settled, now: int) -> Event:
        outcome = result.outcome
        if outcome.delivered:
            event = "delivered" if each.local else "sent"
        else:
            event = "failed" if one.again_at is None else "deferred"
        text = f"{result.host or 'here'}: {outcome.code} {outcome.enhanced} {outcome.text}"
        return Event(now, letter.trace, letter.message_id, event, each.address, text)

    async def _reports(self, letter: Letter, told: Sequence[Told], content: bytes, now: int) -> list[New]:
        """One report for each thing that is told. It goes the way of all mail, and under the same trace."""
        news = []
        sender = self._original(letter.sender)
        letter = replace(letter, sender=sender)
        for action in dict.fromkeys(each.action for each in told):
            name = self._name()
            raw = report(
                letter,
                [each for each in told if each.action is action],
                content,
                hostname=self._settings.hostname,
                now=now,
                until=letter.begins_at + self._settings.lifetime,
                name=name,
            )
            if self._sign is not None:
                raw = await self._sign(raw)
            # RFC 8689 5: what is told of it is protected as it was; a wish for less was its sender's own.
            tls = letter.tls if letter.tls == REQUIRED else ""
            wishes = Wishes(priority=letter.wishes.priority)  # RFC 6710 4.6
            own = replace(
                letter,
                trace=name,
                message_id=f"{name}@{self._settings.hostname}",
                sender="",
                tls=tls,
                wishes=wishes,
                content=small(raw),
                arrived_at=now,
                account=0,
                ret="",
                envid="",
                id=0,
            )
            recipient = self._find(sender, None)
            target = sender if recipient is None else recipient.address
            detail = None if recipient is None else recipient.detail
            to = Waiting(sender, target, recipient is not None, detail, notify="NEVER", due_at=now)
            news.append(New(own, (to,)))
        return news

    async def _tidy(self) -> None:
        used = set(await self._queue.do(waiting.tidy, self._now(), durable=False))
        await asyncio.to_thread(_remove_orphans, self._queue.folder / FOLDER, used, self._delivery.clock())

    def _now(self) -> int:
        return int(self._delivery.clock())


def _priority(job: Job) -> int:
    return job.letter.wishes.priority


def _traced(letter: Letter, each: Waiting, result: Result, now: int) -> bool:
    """RFC 2852 4.1.4: whether it is told that it was handed on, asked for or not."""
    by = letter.wishes.by
    if by is None or each.local or each.notify == "NEVER":
        return False
    return by.trace or (not by.returns and not result.keeps_time and now < by.at)


def _wish(letter: Letter) -> str:
    """What is asked of the next host. RFC 8689 5: a report is better told without TLS than not at all."""
    return "" if letter.tls == REQUIRED and not letter.sender else letter.tls


def _is_lines(content: bytes) -> bool:
    return b"\0" not in content and content.replace(b"\r\n", b"").translate(None, b"\r\n") == content.replace(
        b"\r\n", b""
    )


def _remove_orphans(place: Path, used: set[str], now: float) -> None:
    for path in place.iterdir() if place.is_dir() else ():
        with suppress(FileNotFoundError):
            if path.name not in used and now - path.stat().st_mtime > ORPHAN_SECONDS:
                path.unlink()


@asynccontextmanager
async def _only_one(folder: Path) -> AsyncIterator[None]:
    """Waits until nobody else delivers."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.5)
        yield
    finally:
        os.close(descriptor)
