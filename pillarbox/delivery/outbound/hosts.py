"""Which hosts take mail for a domain, best first (RFC 5321 5.1)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.delivery.outbound.resolver import NoAnswer, NoSuchName, Resolver
from pillarbox.delivery.outcome import Outcome
from pillarbox.identity.addresses import fold_domain

NULL_MX = Outcome(556, "5.1.10", "The domain accepts no mail")  # RFC 7505 4.2
NO_DOMAIN = Outcome(550, "5.1.2", "There is no such domain")
NO_ADDRESS = Outcome(550, "5.4.4", "No host of the domain has an address")
OURSELVES = Outcome(550, "5.4.6", "Mail for the domain comes here, and nobody here knows it")
DNS_TROUBLE = Outcome(451, "4.4.3", "The domain cannot be looked up at the moment")

MOST_ADDRESSES = 8  # tried in one attempt


@dataclass(frozen=True, slots=True)
class Host:
    """A host by its name, and one of its addresses."""

    name: str
    address: str


async def hosts(
    resolver: Resolver, domain: str, *, own_name: str, shuffle: Callable[[list[str]], None]
) -> list[Host] | Outcome:
    """Where to try, in this order; or why there is nowhere. `shuffle` is for hosts of one preference."""
    if domain.startswith("["):  # RFC 5321 4.1.3: an address literal
        try:
            address = str(ipaddress.ip_address(domain[1:-1].removeprefix("IPv6:")))
        except ValueError:
            return NO_DOMAIN
        return [Host(domain, address)]
    domain = fold_domain(domain)
    try:
        records = await resolver.mx(domain)
    except NoSuchName:
        return NO_DOMAIN
    except NoAnswer:
        return DNS_TROUBLE
    if not records:
        records = [(0, domain)]  # RFC 5321 5.1: an implicit MX
    if [host for _, host in records] == ["."]:
        return NULL_MX
    named = _before_ourselves([(preference, host.lower()) for preference, host in records], own_name.lower())
    if not named:
        return OURSELVES
    return await _addressed(resolver, named, shuffle)


def _before_ourselves(records: list[tuple[int, str]], own_name: str) -> list[tuple[int, str]]:
    """RFC 5321 5.1: where this server is one of the hosts, only those before it."""
    ours = [preference for preference, host in records if host == own_name]
    return [record for record in records if not ours or record[0] < min(ours)]


async def _addressed(
    resolver: Resolver, named: list[tuple[int, str]], shuffle: Callable[[list[str]], None]
) -> list[Host] | Outcome:
    found: list[Host] = []
    trouble = False
    for preference in sorted({preference for preference, _ in named}):
        alike = [host for each, host in named if each == preference and host != "."]
        shuffle(alike)  # RFC 5321 5.1: to spread the load
        for host in alike:
            try:
                found += [Host(host, address) for address in await resolver.addresses(host)]
            except NoSuchName:
                continue
            except NoAnswer:
                trouble = True
        if len(found) >= MOST_ADDRESSES:
            break
    if found:
        return found[:MOST_ADDRESSES]
    return DNS_TROUBLE if trouble else NO_ADDRESS
