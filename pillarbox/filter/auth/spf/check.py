"""check_host() of RFC 7208: a client's address, a domain, one of seven results.

The limits of section 4.6.4 hold for all records of one check together. The time a check may take is the
resolver's to limit: from some moment on it answers TROUBLE, and the check ends at once with temperror.
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from pillarbox.filter.auth.domains import a_labels, within
from pillarbox.filter.auth.spf import macro
from pillarbox.filter.auth.spf.macro import Address, Context, Pieces
from pillarbox.filter.auth.spf.record import Mechanism, Mistake, Record, is_spf, parse
from pillarbox.filter.dns import NO_NAME, Answer, Asking, Found, Kind, Question, is_name

TERM_LIMIT = 10  # RFC 7208 4.6.4: terms that ask the DNS
VOID_LIMIT = 2  # the same: answers without records
HOST_LIMIT = 10  # the same: addresses looked up for one mx or ptr
PROBLEM_LIMIT = 200


class Result(StrEnum):
    """RFC 7208 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Identity(StrEnum):
    MAIL_FROM = "mailfrom"
    HELO = "helo"


@dataclass(frozen=True, slots=True)
class Spf:
    """`domain`: whose policy was asked for. `mechanism`: what matched. `explanation`: the domain's own words
    for a fail, "" without. `problem`: what is wrong where the result is an error."""

    result: Result
    identity: Identity
    domain: str
    mechanism: str = ""
    explanation: str = ""
    problem: str = ""


_QUALIFIED = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


class _Error(Exception):
    def __init__(self, result: Result, problem: str) -> None:
        super().__init__(problem)
        self.result = result


def check(
    address: str,
    sender: str,
    helo: str,
    *,
    receiver: str = "",
    now: float = 0,
    identity: Identity | None = None,
) -> Asking[Spf]:
    """The MAIL FROM identity; for the null sender postmaster at the name of HELO (RFC 7208 2.4), which is
    also what the HELO identity asks (2.3). `identity` says so in the result where it was meant."""
    client = client_address(address)
    meant = identity or (Identity.MAIL_FROM if sender else Identity.HELO)
    if meant is Identity.HELO:
        sender = ""
    local, at, domain = sender.rpartition("@")
    if not sender:
        domain = helo
    elif not at:
        domain = sender
    domain = domain.removesuffix(".")
    if not domain.isascii():  # RFC 8616 4
        domain = a_labels(domain) or domain
    asked = domain.lower()
    if client is None:
        return Spf(Result.NONE, meant, asked)
    # RFC 7208 4.3: what is no fully qualified domain name has no policy.
    if not is_name(domain) or "." not in domain or domain.startswith("["):
        return Spf(Result.NONE, meant, asked)
    context = Context(client, local or "postmaster", domain, domain, helo, receiver, int(now))
    return (yield from _Check(meant).whole(context))


def client_address(text: str) -> Address | None:
    """RFC 7208 5: an IPv4 address in the clothes of IPv6 is treated as what it is."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


class _Check:
    """The counts of one check, over all its records."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.terms = 0
        self.void = 0

    def whole(self, context: Context) -> Asking[Spf]:
        domain = context.domain.lower()
        try:
            result, mechanism, explain = yield from self.host(context)
        except _Error as error:
            return Spf(error.result, self.identity, domain, problem=str(error)[:PROBLEM_LIMIT])
        explanation = ""
        if result is Result.FAIL and explain is not None:
            explanation = yield from self.explanation(*explain)
        return Spf(result, self.identity, domain, mechanism, explanation)

    def host(self, context: Context) -> Asking[tuple[Result, str, tuple[Pieces, Context] | None]]:
        """check_host(), as often as include and redirect call it; they are counted, so it ends."""
        found = yield from self.record(context.domain)
        if found is None:
            return Result.NONE, "", None
        for mechanism in found.mechanisms:
            if (yield from self.matches(mechanism, context)):
                result = _QUALIFIED[mechanism.qualifier]
                explain = None if found.explanation is None else (found.explanation, context)
                return result, mechanism.text, explain
        if found.redirect is None:
            return Result.NEUTRAL, "default", None  # RFC 7208 4.7
        self.count_term()
        target = yield from self.name(found.redirect, context)
        if not is_name(target):
            raise _Error(Result.PERMERROR, "redirect to no domain")
        result, text, explain = yield from self.host(_at(context, target))
        if result is Result.NONE:  # RFC 7208 6.1
            raise _Error(Result.PERMERROR, "redirect to a domain without a policy")
        return result, text, explain

    def record(self, domain: str) -> Asking[Record | None]:
        answer = yield Question(domain, Kind.TXT)
        if answer.found is Found.TROUBLE:
            raise _Error(Result.TEMPERROR, "the policy cannot be looked up")
        policies = [text for text in answer.values if is_spf(text)]
        if not policies:
            return None
        if len(policies) > 1:
            raise _Error(Result.PERMERROR, "more than one policy")
        try:
            return parse(policies[0])
        except Mistake as mistake:
            raise _Error(Result.PERMERROR, f"the policy is malformed: {mistake}") from None

    def matches(self, mechanism: Mechanism, context: Context) -> Asking[bool]:
        match mechanism.name:
            case "all":
                return True
            case "ip4" | "ip6":
                network = mechanism.network
                assert network is not None
                return context.address.version == network.version and context.address in network
        self.count_term()
        if mechanism.domain is None:
            target = context.domain
        else:
            target = yield from self.name(mechanism.domain, context)
        match mechanism.name:
            case "include":
                return (yield from self.include(target, context))
            case "a":
                return (yield from self.holds(target, mechanism, context))
            case "mx":
                return (yield from self.mx(target, mechanism, context))
            case "ptr":
                return (yield from self.ptr(target, context))
            case _:
                answer = yield from self.ask(target, Kind.A)  # exists; RFC 7208 5.7: always A
                return answer.found is Found.RECORDS

    def include(self, target: str, context: Context) -> Asking[bool]:
        """RFC 7208 5.2, the table."""
        if not is_name(target):
            raise _Error(Result.PERMERROR, "include of no domain")
        result, _, _ = yield from self.host(_at(context, target))
        if result is Result.NONE:
            raise _Error(Result.PERMERROR, "include of a domain without a policy")
        return result is Result.PASS

    def holds(
        self, target: str, mechanism: Mechanism, context: Context, count_void: bool = True
    ) -> Asking[bool]:
        answer = yield from self.addresses(target, context.address, count_void)
        return any(_near(context.address, each, mechanism.bits) for each in answer.values)

    def mx(self, target: str, mechanism: Mechanism, context: Context) -> Asking[bool]:
        hosts = yield from self.ask(target, Kind.MX)
        # RFC 7208 4.6.4: with more hosts than may be looked up the policy is void, wherever the match is.
        if len(hosts.values) > HOST_LIMIT:
            raise _Error(Result.PERMERROR, "too many MX records")
        for host in filter(is_name, hosts.values):  # the root stands for no host (RFC 7505)
            # Hosts without an address are bounded by the above, and no term asks for them.
            if (yield from self.holds(host, mechanism, context, count_void=False)):
                return True
        return False

    def ptr(self, target: str, context: Context) -> Asking[bool]:
        names = yield from self.validated(context.address)
        return any(within(name, target.lower()) for name in names)

    def validated(self, address: Address) -> Asking[tuple[str, ...]]:
        """RFC 7208 5.5: the client's names that lead back to it. Trouble means that there are none."""
        reverse = f"{_reversed(address)}.{'in-addr' if address.version == 4 else 'ip6'}.arpa"
        answer = yield Question(reverse, Kind.PTR)
        self.count_void(answer)
        names: list[str] = []
        for name in answer.values[:HOST_LIMIT]:
            found = yield from self.addresses(name, address, False, trouble=False)
            if any(_near(address, each, (32, 128)) for each in found.values):
                names.append(name.lower())
        return tuple(names)

    def name(self, pieces: Pieces, context: Context) -> Asking[str]:
        validated = "unknown"
        if macro.needs_name(pieces):
            names = yield from self.validated(context.address)
            validated = _preferred(names, context.domain.lower())
        return macro.expand_domain(pieces, context, validated)

    def explanation(self, pieces: Pieces, context: Context) -> Asking[str]:
        """RFC 7208 6.2: whatever goes wrong here, there is no explanation, and nothing else changes."""
        try:
            target = yield from self.name(pieces, context)
            answer = (yield Question(target, Kind.TXT)) if is_name(target) else NO_NAME
            if len(answer.values) != 1:
                return ""
            parsed = macro.parse(answer.values[0], explanation=True)
            if parsed is None:
                return ""
            validated = "unknown"
            if macro.needs_name(parsed):
                names = yield from self.validated(context.address)
                validated = _preferred(names, context.domain.lower())
            text = macro.expand(parsed, context, validated)
        except _Error:
            return ""
        return text if text.isascii() and text.isprintable() else ""

    def addresses(self, name: str, client: Address, count_void: bool, trouble: bool = True) -> Asking[Answer]:
        return (yield from self.ask(name, Kind.A if client.version == 4 else Kind.AAAA, count_void, trouble))

    def ask(self, name: str, kind: Kind, count_void: bool = True, trouble: bool = True) -> Asking[Answer]:
        answer = (yield Question(name, kind)) if is_name(name) else NO_NAME
        if answer.found is Found.TROUBLE and trouble:
            raise _Error(Result.TEMPERROR, "the DNS does not answer")
        if count_void:
            self.count_void(answer)
        return answer

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > TERM_LIMIT:
            raise _Error(Result.PERMERROR, "too many terms that ask the DNS")

    def count_void(self, answer: Answer) -> None:
        self.void += answer.found in (Found.NO_DATA, Found.NO_NAME)
        if self.void > VOID_LIMIT:
            raise _Error(Result.PERMERROR, "too many answers without records")


def _at(context: Context, domain: str) -> Context:
    return Context(
        context.address,
        context.local,
        context.sender_domain,
        domain,
        context.helo,
        context.receiver,
        context.now,
    )


def _reversed(address: Address) -> str:
    return ".".join(reversed(macro.dotted(address).split(".")))


def _preferred(names: tuple[str, ...], domain: str) -> str:
    """RFC 7208 7.3: the domain itself, else one below it, else any."""
    if domain in names:
        return domain
    below = [name for name in names if within(name, domain)]
    return (below or list(names) or ["unknown"])[0]


def _near(client: Address, text: str, bits: tuple[int, int]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version != client.version:
        return False
    length = address.max_prefixlen - bits[0 if client.version == 4 else 1]
    return int(client) >> length == int(address) >> length
