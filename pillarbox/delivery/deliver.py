"""Delivery as protocols see it: an envelope, pieces of content, an outcome for each recipient.

    incoming = delivery.begin(envelope)
    await incoming.write(piece)              # as often as needed
    outcomes = await incoming.finish()       # or incoming.abandon()

`write` never fails: what went wrong is an outcome, so that a session reads the content to its end and
then says why. Bare LF becomes CRLF on the way (RFC 5321 2.3.8: content is lines that end in CRLF), with
nothing else changed, NUL included.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from pillarbox.delivery import filing, trace
from pillarbox.delivery.disposition import Discard, Disposition, File, Redirect, Reject, judge
from pillarbox.delivery.envelope import Addressed, Arrival, Envelope
from pillarbox.delivery.outcome import (
    DELIVERED,
    NO_ROUTE,
    TOO_BIG,
    TROUBLE,
    UNKNOWN_USER,
    Outcome,
    of_refusal,
)
from pillarbox.delivery.steps import STEPS, Evidence, Step, examine, hops
from pillarbox.delivery.steps.authentication import Authentication, Authenticity, Watch
from pillarbox.delivery.steps.listed import of_authors
from pillarbox.identity.directory import Recipient
from pillarbox.message.line_ends import LineEnds
from pillarbox.model.actors import SERVER
from pillarbox.model.errors import Code, Refused
from pillarbox.store.staged import Staged
from pillarbox.store.staging import Staging
from pillarbox.store.store import Store

MESSAGE_LIMIT = 100 * 1024 * 1024  # octets; a quarter more than the big providers take, base64 included
HEADER_LIMIT = 256 * 1024  # octets of a message's header kept for the steps to look at
AT_ONCE = 16  # recipients of one message filed at the same time: each holds up to 128 KiB

_BLANK_LINE = b"\r\n\r\n"


class Delivery:
    """`resolve` says whose an address is, `report` takes an error that is ours. `authentication`: how to find
    out who mail is from; None where it is not asked."""

    def __init__(
        self,
        store: Store,
        resolve: Callable[[str], Recipient | None],
        *,
        hostname: str,
        clock: Callable[[], float],
        report: Callable[[BaseException], object],
        limit: int = MESSAGE_LIMIT,
        steps: Sequence[Step] = STEPS,
        authentication: Authentication | None = None,
    ) -> None:
        self.store = store
        self.resolve = resolve
        self.hostname = hostname
        self.clock = clock
        self.report = report
        self.limit = limit
        self.steps = steps
        self.authentication = authentication

    def begin(self, envelope: Envelope, *, apart: bool = False) -> "Incoming":
        """`apart`: `copy` will be asked for, so that no trace field may be staged with the content."""
        return Incoming(self, envelope, apart)

    async def hand_over(self, address: str, pieces: Iterable[bytes], *, id: str, sender: str = "") -> Outcome:
        """Deliver a message that is on this machine already to one address."""
        recipient = self.resolve(address)
        if recipient is None:
            return UNKNOWN_USER
        incoming = self.begin(Envelope(sender, (Addressed(address, recipient),), id))
        try:
            for piece in pieces:
                await incoming.write(piece)
            return (await incoming.finish())[0]
        finally:
            incoming.abandon()


class Incoming:
    """One message on its way in."""

    __slots__ = (
        "_apart",
        "_begun",
        "_completed",
        "_distinct",
        "_ends",
        "_envelope",
        "_head",
        "_in",
        "_one_copy",
        "_staging",
        "_watch",
        "failure",
        "signatures",
        "size",
    )

    def __init__(self, delivery: Delivery, envelope: Envelope, apart: bool = False) -> None:
        self._in = delivery
        self._envelope = envelope
        self._distinct = tuple(dict.fromkeys(envelope.recipients))
        authentication = delivery.authentication
        self._watch = None if authentication is None else authentication.watch(envelope, passed_on=apart)
        self._apart = apart or len(self._distinct) != 1 or self._watch is not None
        self._staging: Staging = delivery.store.staging()
        self._ends = LineEnds()
        self._head = _Head()
        self._begun = self._completed = False
        self._one_copy = asyncio.Lock()
        self.failure: Outcome | None = None
        self.size = 0
        self.signatures = b""  # for every copy of it, once all is written

    async def write(self, piece: bytes) -> None:
        if self.failure is not None:
            return
        self.size += len(piece)
        if self.size > self._in.limit:
            self.fail(TOO_BIG)
            return
        if not self._envelope.binary:
            piece = self._ends.feed(piece)
        self._head.feed(piece)
        if self._watch is not None:
            piece = self._watch.feed(piece)
        await self._stage(piece)

    async def _stage(self, piece: bytes) -> None:
        if not self._begun:
            self._begun = True
            piece = self._common_prefix() + piece
        try:
            await self._staging.write(piece)
        except Refused as refused:
            self.fail(of_refusal(refused))

    async def finish(self) -> list[Outcome]:
        """File the message; one outcome for each recipient of the envelope, in its order."""
        try:
            return await self.deliver()
        finally:
            self.abandon()

    async def deliver(self) -> list[Outcome]:
        """`finish` without its end: `copy` may be asked for still."""
        await self.complete()
        if self.failure is not None:
            return [self.failure] * len(self._envelope.recipients)
        if len(self._distinct) == 1:
            outcomes = {self._distinct[0]: await self._deliver(self._distinct[0])}
        else:
            outcomes = await self._deliver_all()
        return [outcomes[to] for to in self._envelope.recipients]

    async def authenticity(self) -> Authenticity | None:
        """Once all is written: what was found out about who it is from; None where that is not asked."""
        return None if self._watch is None else await self._watch.examine()

    @property
    def watch(self) -> Watch | None:
        return self._watch

    async def complete(self) -> None:
        """All is staged: what had to be held until the end, and the fields of a message without content."""
        if self.failure is not None or self._completed:
            return
        self._completed = True
        if self._watch is not None:
            await self._stage(self._watch.finish())
        elif not self._begun:
            await self._stage(b"")

    def abandon(self) -> None:
        """Nothing stays of a message that was not finished."""
        self._staging.abandon()

    def fail(self, outcome: Outcome) -> None:
        self.failure = outcome
        self.abandon()

    # Trace fields

    def _common_prefix(self) -> bytes:
        """With one recipient its trace fields are staged with the content; with several they differ, and
        each recipient's go before a copy of it. So they do where they say what was found out about it."""
        return b"" if self._apart else self._fields(self._distinct[0])

    def _fields(self, to: Addressed, findings: bytes = b"") -> bytes:
        return trace.fields(self._envelope, to.path, self._in.hostname, self._in.clock(), findings)

    async def _staged(self, to: Addressed) -> Staged:
        if not self._apart:
            return await self._staging.finish()
        found = await self.authenticity()
        findings = b"" if found is None else found.fields
        findings = self.signatures + findings
        return await self.copy(self._fields(to, findings))

    # For who sends it on

    async def copy(self, prefix: bytes) -> Staged:
        """The message with `prefix` before it, nobody's yet; before `finish`."""
        async with self._one_copy:  # a staging does one thing at a time
            return await self._staging.with_prefix(prefix)

    async def refusal(self) -> Outcome | None:
        """Why nobody may take it, here or elsewhere; once all is written."""
        if self.failure is not None:
            return self.failure
        found = await self.authenticity()
        known = self._envelope.known
        listed = await of_authors(self._envelope.listed, self.header, known)
        after = (each for each in (listed, found) if each is not None)
        evidence: tuple[Evidence, ...] = (*known, hops.count(self.header), *after)
        disposition = judge(evidence)
        return disposition.outcome if isinstance(disposition, Reject) else None

    @property
    def header(self) -> bytes:
        """The message's own header, as far as it is kept."""
        return self._head.kept()

    # One recipient

    async def _deliver_all(self) -> dict[Addressed, Outcome]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(to: Addressed) -> Outcome:
            async with turn:
                return await self._deliver(to)

        return dict(zip(self._distinct, await asyncio.gather(*map(one, self._distinct))))

    async def _deliver(self, to: Addressed) -> Outcome:
        try:
            arrival = Arrival(self._envelope, to, self._head.kept(), self._watch)
            evidence = await examine(arrival, self._in.steps)
            return await self._carry_out(judge(evidence), to)
        except Refused as refused:
            return of_refusal(refused)
        except Exception as error:
            # Our bug; the sender keeps the message, and the session goes on.
            self._in.report(error)
            return TROUBLE

    async def _carry_out(self, disposition: Disposition, to: Addressed) -> Outcome:
        match disposition:
            case File():
                await self._file(disposition, to)
                return DELIVERED
            case Reject():
                return disposition.outcome
            case Discard():
                return DELIVERED
            case Redirect():
                return NO_ROUTE

    async def _file(self, disposition: File, to: Addressed) -> None:
        store, account = self._in.store, to.recipient.account
        staged = await store.place(account, await self._staged(to))
        key = None if self._envelope.trace is None else f"{self._envelope.trace}\0{to.path}".encode()
        try:
            filed = await store.write(
                account,
                filing.file,
                SERVER,
                staged,
                disposition.path,
                disposition.flags,
                key,
                disposition.role,
            )
        except Refused as refused:
            # Where the disk failed after the commit, a row may already point to the file.
            if refused.code is not Code.UNAVAILABLE:
                await store.withdraw(account, staged)
            raise
        if filed is None:
            await store.withdraw(account, staged)


class _Head:
    """Keeps the header of a message that streams by, up to HEADER_LIMIT octets of it."""

    __slots__ = ("_complete", "_octets")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._complete = False

    def feed(self, piece: bytes) -> None:
        if self._complete:
            return
        before = max(len(self._octets) - len(_BLANK_LINE) + 1, 0)
        self._octets += piece[:HEADER_LIMIT]
        end = self._octets.find(_BLANK_LINE, before)
        if end >= 0:
            del self._octets[end + 2 :]
        elif len(self._octets) > HEADER_LIMIT:
            del self._octets[HEADER_LIMIT:]
        else:
            return
        self._complete = True

    def kept(self) -> bytes:
        return bytes(self._octets)
