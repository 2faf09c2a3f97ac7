"""The gate before every check of a password: who waits, who is shut out, and what is written down of it.

    await gate.enter(name, channel)      waits, or raises the refusal of those who are shut out
    gate.still_open(name, channel)       the same without waiting, when a turn has come at last
    gate.failed(name, channel, ...) / gate.came(login, channel, ...)

An app password that is right does not come through here: it is long and random, so nobody guesses it, and it
opens also where others guess. A login that waits costs one connection; of a network only a few wait, and the
others are told to come again.
"""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable
from typing import Literal, Protocol

from pillarbox.identity.abuse import Ledger, Note
from pillarbox.identity.addresses import maybe_address
from pillarbox.identity.audit import account_name
from pillarbox.identity.claims import WRONG_CODE, Channel, Credentials
from pillarbox.identity.pool import network
from pillarbox.model.errors import Code, Refused

MAX_WAITING = 20  # guesses of one network that wait at once
MAX_WRONG = 10_000  # wrong claims that are known again; who repeats himself does not guess
QUIET = 60.0  # seconds within which one word is said of a network that is shut out


class Write(Protocol):
    """`audit.Scribe.note`."""

    def __call__(self, event: str, **fields: str | bool) -> None: ...


def unwritten(event: str, **fields: str | bool) -> None:
    pass


class Gate:
    """`clock` counts seconds since 1970, as other processes do; `take` counts a note in the
    ledger, and tells others; `key` is random octets of this process; `sleep` is for tests."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        clock: Callable[[], float] = lambda: 0.0,
        take: Callable[[Note], None] = lambda note: None,
        write: Write = unwritten,
        key: bytes = b"",
        sleep: Callable[[float], "asyncio.Future[None]"] | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self.write = write
        self._clock = clock
        self._take = take
        self._key = key
        self._sleep = sleep or asyncio.sleep
        self._waiting: Counter[str] = Counter()
        self._wrong: dict[bytes, None] = {}
        self._told: dict[str, float] = {}

    async def enter(self, name: str, channel: Channel) -> bool:
        """Whether there was a delay; Refused, for now, where a guess is not looked at."""
        where, folded = network(channel.peer), _folded(name)
        self.still_open(name, channel)
        delay = self.ledger.delay(where, folded, self._clock())
        if not delay:
            return False
        if self._waiting[where] >= MAX_WAITING:
            raise self._shut(name, channel, "too many wait")
        self._waiting[where] += 1
        try:
            await self._sleep(delay)
        finally:
            self._waiting[where] -= 1
            if not self._waiting[where]:
                del self._waiting[where]
        self.still_open(name, channel)
        return True

    def still_open(self, name: str, channel: Channel) -> None:
        if self.is_shut(name, channel):
            raise self._shut(name, channel, "network is banned")

    def check(self, name: str, channel: Channel) -> None:
        """Before everything else, for app passwords too."""
        if self.ledger.is_closed(network(channel.peer), self._clock()):
            raise self._shut(name, channel, "network is banned by order")

    def is_shut(self, name: str, channel: Channel) -> bool:
        return self.ledger.is_banned(network(channel.peer), _folded(name), self._clock())

    def takes_codes(self, name: str) -> bool:
        return self.ledger.takes_codes(_folded(name), self._clock())

    def came(self, address: str, channel: Channel, mechanism: str, device: str = "") -> None:
        self._take(Note("came", network(channel.peer), _folded(address)))
        self._write("login", address, channel, mechanism, device=device)

    def acted(self, master: str, user: str, channel: Channel, mechanism: str) -> None:
        """A master has logged in as a user: it is written down under both names, and makes the network
        known for the master alone."""
        self._take(Note("came", network(channel.peer), _folded(master)))
        self._write("login", user, channel, mechanism, detail=f"by the master {master}")
        self._write("login", master, channel, mechanism, detail=f"as {user}")

    def failed(
        self, name: str, channel: Channel, mechanism: str, reason: str, claim: Credentials | None = None
    ) -> None:
        """`claim`: what was claimed, where it can be known again."""
        if claim is None or self._is_new(channel, claim):
            event: Literal["code", "failed"] = "code" if reason == WRONG_CODE else "failed"
            self._take(Note(event, network(channel.peer), _folded(name)))
        self._write("failure", name, channel, mechanism, detail=reason)

    def unchecked(self, name: str, channel: Channel, mechanism: str, detail: str) -> None:
        """Nobody could tell whether they may come in: it is written down, and counts against nobody."""
        self._write("failure", name, channel, mechanism, detail=detail)

    def refused(self, address: str, channel: Channel, mechanism: str, detail: str) -> None:
        """Somebody who is known wants what he may not have."""
        self._write("refusal", address, channel, mechanism, detail=detail)

    def _is_new(self, channel: Channel, claim: Credentials) -> bool:
        """A phone that knows an old password says it all day, and guesses nothing."""
        said = f"{network(channel.peer)}\0{_folded(claim.name)}\0{claim.password}"
        proof = hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), hashlib.sha256)
        if proof in self._wrong:
            return False
        if len(self._wrong) >= MAX_WRONG:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[proof] = None
        return True

    def _shut(self, name: str, channel: Channel, reason: str) -> Refused:
        where, now = network(channel.peer), self._clock()
        if now >= self._told.get(where, 0.0) + QUIET:
            if len(self._told) >= MAX_WRONG:
                self._told.clear()
            self._told[where] = now
            self._write("failure", name, channel, "", detail=reason)
        # A client that is told it is the password would throw the right one away.
        text = "No logins from your network for now, try again later"
        return Refused(text, Code.UNAVAILABLE, temporary=True)

    def _write(
        self,
        event: str,
        name: str,
        channel: Channel,
        mechanism: str,
        *,
        device: str = "",
        detail: str = "",
    ) -> None:
        self.write(
            event,
            account=account_name(name),
            address=channel.peer,
            protocol="pop3" if channel.protocol == "pop" else channel.protocol,
            mechanism=mechanism,
            device=device,
            tls=channel.tls,
            detail=detail,
        )


def _folded(name: str) -> str:
    """The name that is counted: what is no address may be a password, and is kept as what it cannot be read
    from."""
    written = maybe_address(name)
    if written is not None:
        return written.folded
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
