"""Asks about a caller all that the configuration wants to be asked, at once and within a limit of time.

    found = await reception.about(Caller("192.0.2.7", "mail.else.test", "who@else.test"))
    found += await reception.greets(caller, "kim@example.test")      # for one recipient

Whatever goes wrong here, mail is taken: only what was found out can be held against somebody.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from pillarbox.delivery.patience import within
from pillarbox.delivery.reception.greylist import Greylist
from pillarbox.delivery.steps.greylisted import Greylisted
from pillarbox.delivery.steps.listed import NEVER, Listed
from pillarbox.delivery.steps.reverse import Reverse
from pillarbox.filter import dns
from pillarbox.filter.auth import iprev
from pillarbox.filter.auth.spf import check as spf
from pillarbox.filter.block_lists import BlockList, Listing, Of, Soundness, look_up, try_out

PATIENCE = 10.0  # seconds for all questions about one caller
TESTED_EVERY = 3_600.0  # seconds that a list is believed to be sound, or not

Found = Reverse | Listed | Greylisted


@dataclass(frozen=True, slots=True)
class Caller:
    """`sender` is "" for the null reverse-path."""

    address: str
    helo: str
    sender: str


@dataclass(frozen=True, slots=True)
class Rules:
    """`reverse`: ask for the name of the address, or take mail only from where there is one."""

    reverse: bool = True
    reverse_required: bool = False
    lists: tuple[BlockList, ...] = ()
    refuse_from: int = 10
    junk_from: int = 5


def let_in(found: tuple[Found, ...]) -> tuple[Found, ...]:
    """What is left to be judged with the content: who was let in, as the postmaster's mail is in spite of
    it all, is not refused for the same reasons afterwards."""
    return tuple(
        replace(each, required=False)
        if isinstance(each, Reverse)
        else replace(each, refuse_from=NEVER)
        if isinstance(each, Listed)
        else each
        for each in found
    )


class Reception:
    """`tell` logs what an operator should know; `report` takes an error that is ours."""

    def __init__(
        self,
        resolve: dns.Resolve,
        rules: Rules,
        *,
        hostname: str,
        clock: Callable[[], float],
        report: Callable[[BaseException], object],
        tell: Callable[..., object] = lambda event, **fields: None,
        greylist: Greylist | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._resolve = resolve
        self._rules = rules
        self._hostname = hostname
        self._clock = clock
        self._report = report
        self._tell = tell
        self._greylist = greylist
        self._patience = patience
        self._tested: dict[tuple[str, int], tuple[float, bool]] = {}

    async def about(self, caller: Caller) -> tuple[Found, ...]:
        """What does not depend on the recipient. In tasks of its own: a connection has none."""
        return await asyncio.ensure_future(self._about(caller))

    async def greets(self, caller: Caller, recipient: str) -> tuple[Found, ...]:
        if self._greylist is None:
            return ()
        return await asyncio.ensure_future(self._greets(self._greylist, caller, recipient))

    async def named(self, domains: tuple[str, ...]) -> Listed | None:
        """What lists of domains say of these."""
        return await asyncio.ensure_future(self._named(domains))

    async def _named(self, domains: tuple[str, ...]) -> Listed | None:
        ask = within(self._resolve, self._patience)
        lists = [each for each in self._rules.lists if each.of is Of.DOMAINS]
        try:
            found = await asyncio.gather(
                *(self._listing(ask, each, domain) for each in lists for domain in domains)
            )
        except Exception as error:
            self._report(error)
            return None
        return self._listed(found)

    def _listed(self, found: Iterable[Listing | None]) -> Listed | None:
        listings = tuple(each for each in found if each is not None)
        rules = self._rules
        return Listed(listings, rules.refuse_from, rules.junk_from) if listings else None

    async def _about(self, caller: Caller) -> tuple[Found, ...]:
        ask = within(self._resolve, self._patience)
        try:
            reverse, *listings = await asyncio.gather(
                self._reverse(ask, caller.address), *self._listings(ask, caller)
            )
        except Exception as error:
            self._report(error)
            return ()
        listed = self._listed(each for each in listings if isinstance(each, Listing))
        return tuple(each for each in (reverse, listed) if isinstance(each, Reverse | Listed))

    async def _reverse(self, ask: dns.Resolve, address: str) -> Reverse | None:
        if not self._rules.reverse:
            return None
        return Reverse(await dns.resolved(iprev.check(address), ask), self._rules.reverse_required)

    def _listings(self, ask: dns.Resolve, caller: Caller) -> "Sequence[asyncio.Task[Listing | None]]":
        domains = dict.fromkeys(
            name for name in (caller.helo, caller.sender.rpartition("@")[2]) if name and name[0] != "["
        )
        return [
            asyncio.ensure_future(self._listing(ask, each, subject))
            for each in self._rules.lists
            for subject in ((caller.address,) if each.of is Of.ADDRESSES else domains)
        ]

    async def _listing(self, ask: dns.Resolve, entry: BlockList, subject: str) -> Listing | None:
        version = ip_address(subject).version if entry.of is Of.ADDRESSES else 0
        found = await dns.resolved(look_up(entry, subject), ask)
        # Asked for afterwards, because hardly anybody is listed.
        return found if found is None or await self._is_sound(ask, entry, version) else None

    async def _is_sound(self, ask: dns.Resolve, entry: BlockList, version: int) -> bool:
        if not entry.tested:
            return True
        now = self._clock()
        until, sound = self._tested.get((entry.zone, version), (0.0, True))
        if now < until:
            return sound
        soundness = await dns.resolved(try_out(entry, version), ask)
        if soundness is Soundness.UNKNOWN:
            return False  # no verdict
        sound = soundness is Soundness.SOUND
        self._tested[entry.zone, version] = (now + TESTED_EVERY, sound)
        if not sound:
            self._tell("a block list fails its test entries and is not believed", zone=entry.zone)
        return sound

    async def _greets(self, greylist: Greylist, caller: Caller, recipient: str) -> tuple[Found, ...]:
        try:
            if await greylist.is_known(caller.address):
                return ()
            checking = spf.check(
                caller.address, caller.sender, caller.helo, receiver=self._hostname, now=self._clock()
            )
            vouched = await dns.resolved(checking, within(self._resolve, self._patience))
            if vouched.result is spf.Result.PASS:
                return ()  # RFC 6647 5: who is vouched for by a name need not come twice
            wait = await greylist.came(caller.address, caller.sender, recipient)
        except Exception as error:
            self._report(error)
            return ()
        return (Greylisted(wait),) if wait else ()
