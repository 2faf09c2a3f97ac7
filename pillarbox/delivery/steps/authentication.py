"""Who is the message really from? SPF, DKIM, DMARC and ARC (`filter/auth`), for mail that strangers bring.

    watch = authentication.watch(envelope)     # None: this mail is not judged
    content = watch.feed(piece)                # as it streams by; what comes out is stored
    evidence = await step(arrival, ())         # once for a message, however many recipients it has

While the content streams by, its body is hashed as its signatures ask, and fields that claim to be our own
findings are taken out (RFC 8601 5). Signatures are checked over what came, not over what is left.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.delivery.envelope import Arrival, Envelope, Origin
from pillarbox.delivery.inside import is_inside
from pillarbox.delivery.patience import within
from pillarbox.delivery.steps.reverse import Reverse
from pillarbox.filter import dns
from pillarbox.filter.auth import evidence as auth
from pillarbox.filter.auth import iprev, verdict
from pillarbox.filter.auth.dkim import sign
from pillarbox.filter.auth.dkim.body import Hashed
from pillarbox.filter.auth.dmarc import judge
from pillarbox.filter.auth.evidence import Sender
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.auth.forged import Unforged
from pillarbox.filter.auth.spf import received
from pillarbox.filter.auth.spf.check import client_address
from pillarbox.filter.auth.streamed import Streamed
from pillarbox.filter.auth.verdict import Action, Policy, Verdict

HEADER_LIMIT = 256 * 1024  # octets of a header that is judged; the author of a longer one is unknown
PATIENCE = 30.0  # seconds for all questions of one message; RFC 7208 4.6.4: at least 20


@dataclass(frozen=True, slots=True)
class Authenticity:
    """`fields`: what is put before the message."""

    evidence: auth.Evidence
    sender: Sender
    verdict: Verdict
    fields: bytes


class Authentication:
    """`kinds`: of "smtp" and "lmtp" those whose mail is judged. `hostname` is our name in what we write;
    `seen` takes what is reported to the author's domain."""

    def __init__(
        self,
        resolve: dns.Resolve,
        policy: Policy,
        kinds: frozenset[str],
        *,
        hostname: str,
        clock: Callable[[], float],
        patience: float = PATIENCE,
        seen: Callable[[judge.Row | None], None] | None = None,
    ) -> None:
        self.resolve = resolve
        self.policy = policy
        self.kinds = kinds
        self.hostname = hostname
        self.clock = clock
        self.patience = patience
        self.seen = seen

    def watch(self, envelope: Envelope, *, passed_on: bool = False) -> "Watch | None":
        """`passed_on`: somebody may have to seal it (`Watch.body`)."""
        origin = envelope.origin
        if origin is None or kind(origin) not in self.kinds:
            return None
        return Watch(self, envelope, origin, passed_on)


def kind(origin: Origin) -> str:
    """`smtp` from another server, `lmtp` from one in front of us, nothing from who logged in (RFC 3848: the
    name of the protocol ends in A)."""
    protocol = origin.protocol
    if protocol.endswith("A"):
        return ""
    return "lmtp" if "LMTP" in protocol else "smtp"


def sender_of(envelope: Envelope, origin: Origin) -> Sender:
    """Behind a server that took the message for us the client is that server, and SPF cannot be asked. Nor
    can it for what comes from this machine or its own network."""
    client = client_address(origin.address)
    known = kind(origin) == "smtp" and client is not None and not is_inside(client)
    return Sender(str(client) if known else "", origin.helo, envelope.sender)


class Watch:
    """One message that streams by, and what is found out about it."""

    __slots__ = ("_before", "_by", "_found", "_sender", "_streamed", "_unforged", "body")

    def __init__(self, by: Authentication, envelope: Envelope, origin: Origin, passed_on: bool) -> None:
        self._by = by
        self._sender = sender_of(envelope, origin)
        self._before = [iprev.method(each.iprev) for each in envelope.known if isinstance(each, Reverse)]
        own = (sign.FORM,) if passed_on else ()
        self._streamed = Streamed(lambda header: (*own, *auth.forms(header)), HEADER_LIMIT)
        self.body: Hashed | None = None  # once examined: in our own form, for who passes it on
        self._unforged = Unforged(frozenset({by.hostname}))
        self._found: asyncio.Future[Authenticity] | None = None

    def feed(self, piece: bytes) -> bytes:
        """Content with CRLF line ends; what is to be stored of it."""
        self._streamed.feed(piece)
        return self._unforged.feed(piece)

    def finish(self) -> bytes:
        """The rest of what is to be stored."""
        return self._unforged.finish()

    @property
    def fields(self) -> tuple[Field, ...]:
        """Of the header as it came."""
        return self._streamed.fields()

    async def examine(self) -> Authenticity:
        """After all content was fed; the questions are asked once, however many ask for the answer.

        In a task of its own, because a connection has none, and limits of time need one.
        """
        if self._found is None:
            self._found = asyncio.ensure_future(self._examined())
        return await asyncio.shield(self._found)

    async def _examined(self) -> Authenticity:
        by, sender = self._by, self._sender
        header, bodies = self._streamed.fields(), self._streamed.hashes()
        self.body = bodies.get(sign.FORM)
        asking = auth.examine(sender, header, bodies, receiver=by.hostname, now=by.clock())
        found = await dns.resolved(asking, within(by.resolve, by.patience))
        written = auth.field(found, sender, by.hostname, self._before)
        if found.spf is not None:
            written += received.field(
                found.spf,
                address=sender.address,
                sender=sender.mail_from,
                helo=sender.helo,
                receiver=by.hostname,
            )
        judged = verdict.propose(found, by.policy)
        if by.seen is not None and sender.address:
            by.seen(_row(found, sender, judged))
        return Authenticity(found, sender, judged, written)


def _row(found: auth.Evidence, sender: Sender, judged: Verdict) -> judge.Row | None:
    """For the report to the author's domain; None where it wants none."""
    done = {Action.ACCEPT: "none", Action.QUARANTINE: "quarantine", Action.REJECT: "reject"}[judged.action]
    return judge.row(
        found.dmarc,
        found.spf,
        found.dkim,
        source=sender.address,
        sender=sender.mail_from,
        disposition=done,
        override=judged.override,
    )


async def step(arrival: Arrival, found: object) -> Authenticity | None:
    return None if arrival.watch is None else await arrival.watch.examine()
