"""The post office as protocols see it: whom mail is taken for, and an answer for each of them.

    ahead = post.ahead("kim@example.test")            # to be awaited, where there is something
    accepted = post.accept("kim@example.test", ...)   # or the Outcome that says why not
    arriving = post.begin(Letter(...))
    await arriving.write(piece)                       # as often as needed
    outcomes = await arriving.finish()                # or arriving.abandon()

What is answered "taken" is on the disk: in the mailboxes of those it is for, or in the queue.

* Mail for one account goes to its mailboxes at once, and the answer is what came of it.
* Mail that goes elsewhere too is put into the queue first, with all its recipients. Those here are then
  delivered to at once and crossed out; if that fails, or the process dies, the queue does it again, and the
  store remembers what it has filed. So nobody is forgotten and nobody gets it twice.
* Where one answer stands for several (RFC 5321 4.2.5) and only some could be delivered to, the others go to
  the queue, and those that never can be become a report to the sender.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pillarbox.delivery import filing, srs, trace
from pillarbox.delivery.deliver import Delivery, Incoming
from pillarbox.delivery.envelope import Addressed, Envelope, Origin
from pillarbox.delivery.outcome import (
    LOOPING,
    NO_RELAY,
    OVER_LIMIT,
    QUEUED,
    UNKNOWN_USER,
    Outcome,
    combined,
    of_refusal,
)
from pillarbox.delivery.queue import bell, waiting
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.queue.entries import OPTIONAL, REQUIRED, Content, Event, Waiting, forget, keep
from pillarbox.delivery.queue.entries import Letter as Entry
from pillarbox.delivery.queue.waiting import Limits, New, Settled
from pillarbox.delivery.records import Records
from pillarbox.delivery.signing.signer import Signer, Signing
from pillarbox.delivery.steps import Evidence
from pillarbox.delivery.steps.authentication import Authenticity
from pillarbox.delivery.steps.listed import Ask
from pillarbox.delivery.submitting import Author, Header, Lines, corrected
from pillarbox.delivery.wishes import NONE, Wishes
from pillarbox.filter.auth.evidence import methods
from pillarbox.identity.directory import Recipient
from pillarbox.identity.routes import Expansion, Nowhere, Remote
from pillarbox.message.header import fields
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused

_MESSAGE_ID = frozenset((b"message-id",))
_TLS_REQUIRED = frozenset((b"tls-required",))

SOON = 60  # seconds until the queue does what should have been done at once

NOT_A_BOUNCE = Outcome(550, "5.7.1", "That address takes reports on deliveries only")
HAS_BEEN_THERE = Outcome(250, "2.0.0", "Not sent on: it has been there")
HOLDS_ENOUGH = Outcome(552, "5.7.16", "You have as much waiting for its time as you may")  # RFC 4865 6
TOO_LATE = Outcome(554, "5.4.7", "It came too late to be there in time")  # RFC 2852 4.1.3
NO_BINARY = Outcome(
    554, "5.6.3", "The message would have to be sent on, and not every system takes BINARYMIME"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient as the sender wrote it, the accounts it comes to, and the addresses elsewhere. `notify` and
    `orcpt` are RFC 3461's."""

    path: str
    local: tuple[Recipient, ...]
    remote: tuple[Remote, ...] = ()
    notify: str = ""
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a protocol says of a message. `id` names this arrival in Received and in the log; `author` is who
    submits it, None where it comes from elsewhere. `answers`: each recipient gets an answer of its own."""

    sender: str
    recipients: tuple[Accepted, ...]
    id: str
    origin: Origin | None = None
    author: Author | None = None
    answers: bool = False
    utf8: bool = False
    binary: bool = False
    ret: str = ""
    envid: str = ""
    wishes: Wishes = NONE
    known: tuple[Evidence, ...] = ()  # found out before the content came
    listed: Ask | None = None  # looks names up in block lists
    requires_tls: bool = False  # RFC 8689


@dataclass(frozen=True, slots=True)
class Submission:
    """What the operator decides about it. `undo`: seconds that a message waits to be cancelled."""

    limits: Limits = Limits()  # noqa: RUF009
    undo: int = 0
    copy_to_sent: bool = False


class Post:
    """`expand` says where mail for an address goes; `ahead` what has to be awaited before it can; `key` is
    the secret of the senders of forwarded mail; `signer` signs what people here submit and seals what is sent
    on."""

    def __init__(
        self,
        delivery: Delivery,
        expand: Callable[[str], Expansion | Nowhere],
        queue: Queue,
        records: Records,
        *,
        key: bytes,
        submission: Submission = Submission(),
        signer: Signer | None = None,
        ahead: Callable[[str], Awaitable[None] | None] = lambda path: None,
    ) -> None:
        self.delivery = delivery
        self.queue = queue
        self.records = records
        self.key = key
        self.submission = submission
        self.signer = signer
        self._expand = expand
        self._ahead = ahead

    @property
    def limit(self) -> int:
        """Octets of a message."""
        return self.delivery.limit

    def clock(self) -> float:
        return self.delivery.clock()

    async def may_hold(self, account: int, size: int) -> Outcome | None:
        """Why not; what is in the queue by the time that the message is there decides again."""
        limits = self.submission.limits
        try:
            count, octets = await self.queue.do(waiting.held, account, int(self.clock()), durable=False)
        except Refused as refused:
            return of_refusal(refused)
        return HOLDS_ENOUGH if count >= limits.held or octets + size > limits.held_octets else None

    def ahead(self, path: str) -> Awaitable[None] | None:
        """What to await before `accept` is asked about this address; Refused, for now, where a directory
        elsewhere has to tell and does not answer. None: nothing."""
        return self._ahead(self._whole(path))

    def _whole(self, path: str) -> str:
        # RFC 5321 4.1.1.3: only <Postmaster> has no domain.
        return path if "@" in path else f"{path}@{self.delivery.hostname}"

    def accept(
        self,
        path: str,
        *,
        anywhere: bool = False,
        reports_only: bool = False,
        binary: bool = False,
        notify: Iterable[str] = (),
        orcpt: str = "",
    ) -> Accepted | Outcome:
        """`anywhere`: also for those who have no address here. `reports_only`: the sender is the null one."""
        path = self._whole(path)
        found = self._expand(path)
        if isinstance(found, Nowhere):
            if found is Nowhere.CIRCLES:
                return LOOPING
            original = srs.reverse(path.rpartition("@")[0], self.key, self.delivery.clock())
            if original is None:
                return UNKNOWN_USER
            if not reports_only:
                return NOT_A_BOUNCE
            found = Expansion((), (Remote(original, path),))
        elif not anywhere and any(not remote.by for remote in found.remote):
            return NO_RELAY
        if found.remote and binary:
            return NO_BINARY
        return Accepted(path, found.local, found.remote, ",".join(sorted(notify)), orcpt)

    def begin(self, letter: Letter) -> "Arriving":
        return Arriving(self, letter)


_Part = tuple[str, str | None, tuple[Waiting, ...]]  # sender, by which address of ours, to whom


@dataclass(frozen=True, slots=True)
class _Leg:
    """One way a message goes: for the recipient `to`, to an account or elsewhere."""

    to: Accepted
    account: Recipient | None = None
    remote: Remote | None = None


def _reports(leg: _Leg) -> bool:
    """Whether the sender wants to hear of success (RFC 3461 4.1)."""
    return "SUCCESS" in leg.to.notify.split(",")


class Arriving:
    """One message on its way in."""

    __slots__ = ("_header", "_incoming", "_legs", "_lines", "_named", "_post", "_signing", "letter")

    def __init__(self, post: Post, letter: Letter) -> None:
        self._post = post
        self.letter = letter
        self._legs = [
            leg
            for to in letter.recipients
            for leg in (
                *(_Leg(to, account=each) for each in to.local),
                *(_Leg(to, remote=each) for each in to.remote),
            )
        ]
        addressed = tuple(
            Addressed(leg.to.path, leg.account) for leg in self._legs if leg.account is not None
        )
        again = len(self._legs) > 1 or letter.author is not None or any(map(_reports, self._legs))
        once = letter.id if again else None
        envelope = Envelope(
            letter.sender,
            addressed,
            letter.id,
            letter.origin,
            once,
            letter.binary,
            letter.wishes.priority,
            letter.known,
            letter.listed,
        )
        apart = letter.author is not None or len(addressed) != len(self._legs)
        self._incoming: Incoming = post.delivery.begin(envelope, apart=apart)
        self._named: str | None = None  # its Message-ID, once that has been asked for
        self._lines = Lines()
        self._signing: Signing | None = None
        self._header: Header | None = None
        if letter.author is not None:
            author, delivery = letter.author, post.delivery
            self._header = Header(
                lambda header: corrected(header, author, delivery.hostname, delivery.clock())
            )
            if post.signer is not None:
                self._signing = post.signer.begin()

    @property
    def failure(self) -> Outcome | None:
        return self._incoming.failure

    @property
    def size(self) -> int:
        return self._incoming.size

    async def write(self, piece: bytes) -> None:
        if self._header is not None:
            await self._give(self._header.feed(self._lines.feed(piece)))
        else:
            await self._incoming.write(piece)

    async def finish(self) -> list[Outcome]:
        """One outcome for each accepted recipient."""
        if self._header is not None:
            await self._give(self._header.feed(self._lines.finish()))
            await self._give(self._header.finish())
        try:
            await self._incoming.complete()
            if self._signing is not None:
                self._incoming.signatures = await self._signing.fields()
            outcomes = await self._finish()
        finally:
            self.abandon()
        self._record(outcomes)
        return [
            combined([outcome for leg, outcome in zip(self._legs, outcomes) if leg.to is to])
            for to in self.letter.recipients
        ]

    def abandon(self) -> None:
        self._incoming.abandon()

    async def _give(self, piece: bytes | Outcome) -> None:
        if isinstance(piece, Outcome):
            self._incoming.fail(piece)
        elif piece:
            if self._signing is not None:
                self._signing.feed(piece)
            await self._incoming.write(piece)

    # What becomes of it

    async def _finish(self) -> list[Outcome]:
        """One outcome for each leg."""
        if self.failure is not None:
            return [self.failure] * len(self._legs)
        if self.letter.wishes.expired(self._now):
            return [TOO_LATE] * len(self._legs)
        if self.letter.author is None and all(leg.account is not None for leg in self._legs):
            return await self._here()
        return await self._queued()

    async def _here(self) -> list[Outcome]:
        """Everybody is here: what could not be done at once is queued where somebody else's was."""
        outcomes = await self._incoming.deliver()
        units: dict[object, list[int]] = {}
        for at, leg in enumerate(self._legs):
            units.setdefault(leg.to.path if self.letter.answers else None, []).append(at)
        late = [
            at
            for unit in units.values()
            if any(outcomes[at].delivered for at in unit)
            for at in unit
            if not outcomes[at].delivered
        ]
        wanted = late + [at for at, leg in enumerate(self._legs) if outcomes[at].delivered and _reports(leg)]
        if not wanted:
            return outcomes
        # The queue delivers again: who has it, by the store's memory, has it once, and is reported on.
        now = self._now
        recipients = tuple(self._waiting(self._legs[at], now) for at in wanted)
        refused = await self._put([(self.letter.sender, None, recipients)])
        if refused is None:
            for at in late:
                outcomes[at] = QUEUED
        elif late:
            return [refused if outcome.delivered else outcome for outcome in outcomes]
        return outcomes

    async def _queued(self) -> list[Outcome]:
        """Into the queue first, then to those who are here."""
        letter, post, now = self.letter, self._post, self._now
        if (refusal := await self._incoming.refusal()) is not None:
            return [refusal] * len(self._legs)
        circling = self._circling()
        if len(circling) == len(self._legs):
            return [LOOPING] * len(self._legs)
        pause = post.submission.undo if letter.author is not None else 0
        if letter.wishes.hold is not None:
            pause = max(pause, letter.wishes.hold.until - now)
        groups: dict[tuple[str, str | None], list[Waiting]] = {}
        here: list[Waiting] = []
        for leg in self._legs:
            if leg in circling:
                continue
            if leg.account is not None:
                here.append(self._waiting(leg, now + (pause or SOON)))
            else:
                assert leg.remote is not None
                key = (self._sender(leg.remote), leg.remote.by or None)
                groups.setdefault(key, []).append(self._waiting(leg, now + pause))
        parts: list[_Part] = [(letter.sender, None, tuple(here))] if here else []
        parts += [(sender, by, tuple(each)) for (sender, by), each in groups.items()]
        numbers: list[int] = []
        refused = await self._put(parts, numbers)
        if refused is not None:
            return [refused] * len(self._legs)
        if letter.author is not None and post.submission.copy_to_sent:
            await self._copy_to_sent(letter.author)
        done: dict[_Leg, Outcome] = dict.fromkeys(circling, HAS_BEEN_THERE)
        if here and not pause:
            outcomes = await self._incoming.deliver()
            await self._cross_out(numbers[0], here, outcomes)
            local = [leg for leg in self._legs if leg.account is not None]
            done |= {leg: outcome for leg, outcome in zip(local, outcomes) if outcome.delivered}
        return [done.get(leg, QUEUED) for leg in self._legs]

    async def _cross_out(self, number: int, here: list[Waiting], outcomes: list[Outcome]) -> None:
        """Those who have it need no more; of the others the queue takes care. Not durable: done again it does
        no harm. A success that is to be reported is the queue's too."""
        settled = [
            Settled(n)
            for n, (each, outcome) in enumerate(zip(here, outcomes))
            if outcome.delivered and not each.tells("SUCCESS")
        ]
        queue = self._post.queue
        try:
            gone = await queue.do(waiting.settle, number, settled, durable=False)
            if gone is not None:
                await asyncio.to_thread(forget, gone, queue.folder)
        except Refused:
            return

    async def _put(self, parts: Sequence[_Part], numbers: list[int] | None = None) -> Outcome | None:
        """Durable when this returns None; else why not, and nothing is there."""
        letter, post = self.letter, self._post
        news: list[New] = []
        kept: list[Content] = []
        try:
            for count, (sender, by, recipients) in enumerate(parts):
                staged = await self._incoming.copy(await self._prefix(by))
                name = f"{letter.id}-{count}"
                content = await asyncio.to_thread(keep, staged, post.queue.folder, name)
                kept.append(content)
                news.append(New(self._entry(sender, content, by), recipients))
            limits = post.submission.limits if letter.author is not None else None
            put = await post.queue.do(waiting.put, news, (), limits)
        except Refused as refused:
            for content in kept:
                await asyncio.to_thread(forget, content, post.queue.folder)
            if refused.code is Code.LIMIT:
                return OVER_LIMIT
            return HOLDS_ENOUGH if refused.code is Code.OVERQUOTA else of_refusal(refused)
        if numbers is not None:
            numbers += put
        bell.ring(post.queue.folder)
        return None

    async def _copy_to_sent(self, author: Author) -> None:
        """For the author's own eyes: whether it succeeds changes nothing for the mail."""
        store = self._post.delivery.store
        try:
            staged = await store.place(author.account, await self._incoming.copy(b""))
            filed = await store.write(author.account, filing.file_sent, SERVER, staged)
            if filed is None:
                await store.withdraw(author.account, staged)
        except Refused as refused:
            self._note("not copied to Sent", author.address, refused.text)

    # What it is called

    @property
    def _now(self) -> int:
        return int(self._post.delivery.clock())

    def _entry(self, sender: str, content: Content, by: str | None) -> Entry:
        letter = self.letter
        # RFC 2852 1: "deliver" ends at the mailbox; what somebody here sends on from there has no date.
        wishes = letter.wishes if by is None else replace(letter.wishes, by=None)
        return Entry(
            letter.id,
            sender,
            content,
            self._now,
            self._message_id,
            letter.author.account if letter.author is not None else 0,
            letter.utf8,
            "BINARYMIME" if letter.binary else "8BITMIME",
            letter.ret,
            letter.envid,
            wishes,
            tls=self._tls,
        )

    def _waiting(self, leg: _Leg, due_at: int) -> Waiting:
        to = leg.to
        if leg.account is not None:
            target, detail = leg.account.address, leg.account.detail
            return Waiting(to.path, target, True, detail, to.notify, to.orcpt, due_at)
        assert leg.remote is not None
        # RFC 3461 5.2.7: what is sent on by somebody here is a delivery of its own; its success is not told.
        notify, orcpt = ("", "") if leg.remote.by else (to.notify, to.orcpt)
        return Waiting(leg.remote.address, leg.remote.address, notify=notify, orcpt=orcpt, due_at=due_at)

    def _sender(self, remote: Remote) -> str:
        """Mail that is sent on comes from a domain of ours; bounces are decoded again in `Post.accept`."""
        letter, post = self.letter, self._post
        if not remote.by or not letter.sender or letter.author is not None:
            return letter.sender
        return srs.forward(letter.sender, remote.by.rpartition("@")[2], post.key, post.delivery.clock())

    async def _prefix(self, by: str | None) -> bytes:
        delivery = self._post.delivery
        priority = self.letter.wishes.priority
        received = trace.received(
            self.letter.origin, delivery.hostname, self.letter.id, delivery.clock(), priority
        )
        # RFC 9228: who sends it on, so that a circle over other systems is seen.
        found = await self._incoming.authenticity()
        findings = b"" if found is None else found.fields
        # RFC 8617 5.1: sealed last, as it leaves.
        sealed = b"" if found is None or by is None else self._seal(by, found)
        first = f"Delivered-To: {by}\r\n" if by else ""
        return sealed + first.encode() + self._incoming.signatures + received + findings

    def _seal(self, by: str, found: Authenticity) -> bytes:
        signer, watch = self._post.signer, self._incoming.watch
        if signer is None or watch is None or watch.body is None:
            return b""
        said = methods(found.evidence, found.sender)
        return signer.seal(by, watch.fields, watch.body, found.evidence.arc, said)

    def _circling(self) -> set[_Leg]:
        """What has been sent on by the same address before."""
        seen = {
            value.decode(errors="replace").casefold()
            for _, value in fields(self._incoming.header, frozenset((b"delivered-to",)))
        }
        return {
            leg
            for leg in self._legs
            if leg.remote is not None and leg.remote.by and leg.remote.by.casefold() in seen
        }

    @property
    def _tls(self) -> str:
        """RFC 8689 4.1: the parameter comes before the field, which knows one word."""
        if self.letter.requires_tls:
            return REQUIRED
        said = [value.strip().lower() for _, value in fields(self._incoming.header, _TLS_REQUIRED)]
        return OPTIONAL if said == [b"no"] else ""

    @property
    def _message_id(self) -> str:
        if self._named is None:
            found = next(iter(fields(self._incoming.header, _MESSAGE_ID)), (b"", b""))[1]
            self._named = found.decode(errors="replace").strip("<> \t")[:250]
        return self._named

    # The record

    def _record(self, outcomes: list[Outcome]) -> None:
        """What `pillarbox trace` tells of its arrival."""
        letter, origin = self.letter, self.letter.origin
        come = f"from <{letter.sender}>, {self.size} octets"
        if origin is not None:
            come += f", {origin.protocol} {origin.helo} [{origin.address}]"
        if letter.author is not None:
            come += f", submitted by {letter.author.address}"
        if letter.wishes.priority:
            come += f", priority {letter.wishes.priority}"  # RFC 6710 4.1, 3
        self._note("arrived", "", come)
        for leg, outcome in zip(self._legs, outcomes):
            if outcome is QUEUED:
                event = "queued"
            elif outcome.delivered:
                event = "delivered"
            else:
                event = "refused"
            address = leg.to.path if leg.remote is None else leg.remote.address
            self._note(event, address, f"{outcome.code} {outcome.enhanced} {outcome.text}")

    def _note(self, event: str, address: str, text: str) -> None:
        self._post.records.note(Event(self._now, self.letter.id, self._message_id, event, address, text))
