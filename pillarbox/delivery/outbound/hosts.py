"""Which hosts take mail for a domain, best first (RFC 5321 5.1)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.delivery.outcome import Outcome
from pillarbox.filter.dns import NO_NAME, Answer, Found, Kind, Question, Resolve, is_name
from pillarbox.identity.addresses import fold_domain

NULL_MX = Outcome(556, "5.1.10", "The domain accepts no mail")  # RFC 7505 4.2
NO_DOMAIN = Outcome(550, "5.1.2", "There is no such domain")
NO_ADDRESS = Outcome(550, "5.4.4", "No host of the domain has an address")
OURSELVES = Outcome(550, "5.4.6", "Mail for the domain comes here, and nobody here knows it")
DNS_TROUBLE = Outcome(451, "4.4.3", "The domain cannot be looked up at the moment")

MOST_ADDRESSES = 8  # tried in one attempt


@dataclass(frozen=True, slots=True)
class Host:
    """A host by its name, and one of its addresses. `named_securely`: DNSSEC vouches for its being a host of
    the domain; `secure`: for its address too, and `full_name` is then where CNAMEs led to (RFC 7672 2.2.2).
    """

    name: str
    address: str
    named_securely: bool = False
    secure: bool = False
    full_name: str = ""


async def hosts(
    resolve: Resolve, domain: str, *, own_name: str, shuffle: Callable[[list[str]], None]
) -> list[Host] | Outcome:
    """Where to try, in this order; or why there is nowhere. `shuffle` is for hosts of one preference."""
    if domain.startswith("["):  # RFC 5321 4.1.3: an address literal
        try:
            address = str(ipaddress.ip_address(domain[1:-1].removeprefix("IPv6:")))
        except ValueError:
            return NO_DOMAIN
        return [Host(domain, address)]
    domain = fold_domain(domain)
    if not is_name(domain):
        return NO_DOMAIN
    answer = await resolve(Question(domain, Kind.MX))
    if answer.found is Found.NO_NAME:
        return NO_DOMAIN
    if answer.found is Found.TROUBLE:
        return DNS_TROUBLE
    records = list(zip(answer.preferences, answer.values))
    implicit = not records  # RFC 5321 5.1: the domain itself is its host
    if implicit:
        records = [(0, domain)]
    if list(answer.values) == ["."]:
        return NULL_MX
    named = _before_ourselves([(preference, host.lower()) for preference, host in records], own_name.lower())
    if not named:
        return OURSELVES
    return await _addressed(resolve, named, shuffle, implicit or answer.secure)


def _before_ourselves(records: list[tuple[int, str]], own_name: str) -> list[tuple[int, str]]:
    """RFC 5321 5.1: where this server is one of the hosts, only those before it."""
    ours = [preference for preference, host in records if host == own_name]
    return [record for record in records if not ours or record[0] < min(ours)]


async def _addressed(
    resolve: Resolve, named: list[tuple[int, str]], shuffle: Callable[[list[str]], None], secure: bool
) -> list[Host] | Outcome:
    found: list[Host] = []
    trouble = False
    for preference in sorted({preference for preference, _ in named}):
        alike = [host for each, host in named if each == preference and host != "."]
        shuffle(alike)  # RFC 5321 5.1: to spread the load
        for host in alike:
            # IPv4 first: RFC 5321 5.2 leaves the order to the client, and a name has it nearly always.
            answers = [await _asked(resolve, host, kind) for kind in (Kind.A, Kind.AAAA)]
            good = [answer for answer in answers if answer.values]
            for answer in good:
                checked = secure and answer.secure
                full_name = (answer.name or host) if checked else ""
                found += [Host(host, each, secure, checked, full_name) for each in answer.values]
            trouble = trouble or (not good and any(each.found is Found.TROUBLE for each in answers))
        if len(found) >= MOST_ADDRESSES:
            break
    if found:
        return found[:MOST_ADDRESSES]
    return DNS_TROUBLE if trouble else NO_ADDRESS


async def _asked(resolve: Resolve, host: str, kind: Kind) -> Answer:
    return await resolve(Question(host, kind)) if is_name(host) else NO_NAME
