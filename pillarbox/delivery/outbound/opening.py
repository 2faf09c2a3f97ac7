"""A conversation with some host of a domain, as safe as the domain asks for, and as the sender does.

DANE (RFC 7672) comes first: where DNSSEC vouches for TLSA records of a host, they and nothing else say
whether it is that host, and nothing goes there without TLS. Else a policy of MTA-STS (RFC 8461) names the
hosts, which prove their names to the authorities of the web. Else TLS is taken as it comes (RFC 7435).

A sender may ask for more (RFC 8689: REQUIRETLS), then a host that is not proved to be the domain's, or does
not promise the same of the next hop, gets nothing; or for less (`TLS-Required: No`), then whatever goes wrong
with TLS stops nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from pillarbox.delivery.outbound.conversation import (
    ConnectFailed,
    Conversation,
    NoTls,
    Way,
    open_conversation,
)
from pillarbox.delivery.outbound.hosts import Host, hosts
from pillarbox.delivery.outcome import TROUBLE, Outcome
from pillarbox.delivery.queue.entries import OPTIONAL, REQUIRED
from pillarbox.delivery.trust import dane, policies
from pillarbox.delivery.trust.policies import Found, Policies
from pillarbox.delivery.trust.results import SUCCESS, Followed, Session, followed_sts
from pillarbox.filter.dns import Resolve
from pillarbox.identity.addresses import fold_domain

_PROVING = ("verified", "implicit")


@dataclass(frozen=True, slots=True)
class Smarthost:
    host: str
    way: Way


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to speak to a host. `strict`: that way or not at all. `wrong`: known before anybody speaks."""

    way: Way
    followed: Followed
    strict: bool = False
    wrong: NoTls | None = None


class Opener:
    """`route` is the smarthost for a (folded) domain; `note` counts what became of a session."""

    def __init__(
        self,
        resolve: Resolve,
        route: Callable[[str], Smarthost | None],
        way: Way,
        *,
        hostname: str,
        shuffle: Callable[[list[str]], None],
        clock: Callable[[], float],
        policies: Policies | None = None,
        note: Callable[[Session], Awaitable[None]] | None = None,
    ) -> None:
        self._resolve = resolve
        self._route = route
        self._way = way
        self._hostname = hostname
        self._shuffle = shuffle
        self._clock = clock
        self._policies = policies
        self._note = note

    async def open(self, domain: str, wish: str = "") -> Conversation | Outcome:
        folded = fold_domain(domain)
        smarthost = self._route(folded)
        failures: list[ConnectFailed] = []
        if smarthost is not None:
            try:
                return await self._by_smarthost(smarthost, wish)
            except ConnectFailed as failed:
                return failed.outcome
        found = await hosts(self._resolve, domain, own_name=self._hostname, shuffle=self._shuffle)
        if isinstance(found, Outcome):
            return found
        asked = policies.NONE
        if self._policies is not None and not domain.startswith("["):
            asked = await self._policies.find(folded)
        for host in found:
            try:
                plan = await self._plan(host, folded, asked, wish)
                return _promising(await self._follow(host, folded, plan), wish)
            except ConnectFailed as failed:
                failures.append(_for(wish, failed))
        # RFC 8689 4.2.1: one host that is down may yet do what all others cannot.
        later = [each.outcome for each in failures if each.outcome.code < 500]
        return (later or [each.outcome for each in failures] or [TROUBLE])[-1]

    async def _by_smarthost(self, smarthost: Smarthost, wish: str) -> Conversation:
        way = smarthost.way
        if wish == REQUIRED and way.tls not in _PROVING:
            way = replace(way, tls="verified")
        try:
            opened = await open_conversation(Host(smarthost.host, smarthost.host), way, helo=self._hostname)
        except ConnectFailed as failed:
            raise _for(wish, failed) from failed
        return _promising(opened, wish)

    async def _plan(self, host: Host, domain: str, asked: Found, wish: str) -> _Plan:
        """What this host has to do."""
        by_dane = await self._by_dane(host, domain, wish)
        if by_dane is not None:
            plan = by_dane
        elif asked.policy is not None:
            policy, wrong = asked.policy, None
            if not policy.names(host.name):
                wrong = NoTls("validation-failure", f"{host.name} is not in the policy")
            strict = policy.mode == "enforce"
            plan = _Plan(self._verified, followed_sts(domain, policy), strict, wrong)
        elif asked.failure:
            plan = _Plan(self._way, Followed("sts", domain), wrong=NoTls(asked.failure, asked.reason))
        else:
            plan = _Plan(self._way, Followed("no-policy-found", domain))
        if wish == OPTIONAL:
            return replace(plan, strict=False)
        return self._provable(host, plan) if wish == REQUIRED else plan

    async def _by_dane(self, host: Host, domain: str, wish: str) -> _Plan | None:
        try:
            found = await dane.find(self._resolve, host, self._way.port)
        except dane.Unusable as unusable:
            if wish == OPTIONAL:
                return None
            wrong = NoTls("dnssec-invalid", str(unusable))
            await self._noted(domain, Followed("tlsa", host.name), host, wrong)
            raise ConnectFailed(Outcome(451, "4.7.5", str(unusable)), wrong) from unusable
        if found is None:
            return None
        base, records = found
        way = replace(self._way, tls="required")
        usable = [each for each in records if each.is_usable]
        if usable:
            names = tuple(dict.fromkeys((base, host.name, domain)))
            way = replace(way, check=partial(dane.misfit, usable, names=names, now=self._clock()))
        return _Plan(way, Followed("tlsa", base, tuple(each.text for each in records)), strict=True)

    def _provable(self, host: Host, plan: _Plan) -> _Plan:
        """RFC 8689 4.2.1: the name of the host by DNSSEC or MTA-STS, and the host by its certificate."""
        if plan.way.check is not None:
            return plan
        if plan.wrong is not None or not (plan.followed.kind == "sts" or host.named_securely):
            text = f"Nothing proves that {host.name} is a host of the domain, and the sender asks for that"
            raise ConnectFailed(Outcome(550, "5.7.10", text), plan.wrong)
        return replace(plan, way=self._verified, strict=True)

    @property
    def _verified(self) -> Way:
        return replace(self._way, tls="verified")

    async def _follow(self, host: Host, domain: str, plan: _Plan) -> Conversation:
        wrong, way = plan.wrong, plan.way
        if wrong is not None:
            await self._noted(domain, plan.followed, host, wrong)
            if plan.strict:
                raise ConnectFailed(Outcome(451, "4.7.5", wrong.reason), wrong)
            way = self._way
        try:
            opened = await open_conversation(host, way, helo=self._hostname)
        except ConnectFailed as failed:
            if failed.wrong is None:
                raise
            await self._noted(domain, plan.followed, host, failed.wrong)
            if plan.strict:
                raise
            return await open_conversation(host, self._way, helo=self._hostname)
        if wrong is None:
            await self._noted(domain, plan.followed, host, opened.wrong, opened.own_address)
        return opened

    async def _noted(
        self, domain: str, followed: Followed, host: Host, wrong: NoTls | None, own_address: str = ""
    ) -> None:
        if self._note is not None:
            result, reason = (SUCCESS, "") if wrong is None else (wrong.result, wrong.reason)
            details = ("", "", "") if wrong is None else (host.name, host.address, own_address)
            await self._note(Session(domain, followed, result, *details, reason))


def _promising(opened: Conversation, wish: str) -> Conversation:
    if wish == REQUIRED and not (opened.tls and opened.offers("requiretls")):
        opened.drop()
        text = f"{opened.host.name} does not keep to TLS where the sender requires it (REQUIRETLS)"
        raise ConnectFailed(Outcome(550, "5.7.30", text))
    return opened


def _for(wish: str, failed: ConnectFailed) -> ConnectFailed:
    """RFC 8689 4.2.1: TLS that does not come about is no reason to wait."""
    if wish == REQUIRED and failed.wrong is not None:
        return ConnectFailed(Outcome(550, "5.7.10", failed.outcome.text), failed.wrong)
    return failed
