"""The host that mail comes to: MX, its addresses, and the names of these."""

import ipaddress
from collections.abc import Iterable

from pillarbox.app.publishing.finding import Finding, absent, missing, right, wrong
from pillarbox.app.publishing.records import UNKNOWN_ADDRESS, Record, Topic
from pillarbox.app.publishing.setup import Setup
from pillarbox.filter.dns import Answer, Asking, Found, Kind, Question, is_name

MOST_NAMES = 10  # of one address that are looked up


def exchanges(setup: Setup, record: Record) -> Asking[list[Finding]]:
    """RFC 5321 5.1: where others bring mail for the domain."""
    answer = yield Question(setup.domain, Kind.MX)
    named = [host.lower() for host in answer.values]
    if not named:
        return [absent(record, answer, "without it mail goes to the address of the domain itself, if any")]
    if named == ["."]:  # RFC 7505
        return [wrong(record, 'it is ".", which says that the domain takes no mail')]
    for host in named:
        if _is_address(host):
            return [wrong(record, f"{host} is an address; an MX names a host")]
        # RFC 5321 5.1, RFC 2181 10.3: the name of an MX is no alias.
        alias = (yield Question(host, Kind.CNAME)) if is_name(host) else Answer(Found.NO_NAME)
        if alias.values:
            return [wrong(record, f"{host} is a CNAME of {alias.values[0]}; an MX names a host itself")]
    if setup.host not in named:
        return [wrong(record, f"mail goes to {_listed(named)}, not to {setup.host}")]
    others = [host for host in named if host != setup.host]
    return [right(record, f"mail may also go to {_listed(others)}" if others else "")]


def addresses(setup: Setup) -> Asking[list[Finding]]:
    """The host has addresses that others reach, and each leads back to its name: a server that greets with a
    name that its address does not have is taken for a stolen machine by many (RFC 1912 2.1)."""
    found: list[tuple[Kind, str]] = []
    trouble = False
    for kind in (Kind.A, Kind.AAAA):
        answer = yield Question(setup.host, kind)
        found += [(kind, address) for address in answer.values]
        trouble = trouble or answer.found is Found.TROUBLE
    if not found:
        record = Record(Topic.ADDRESS, setup.host, Kind.A, UNKNOWN_ADDRESS)
        return [
            absent(record, Answer(Found.TROUBLE if trouble else Found.NO_NAME), "the host has no address")
        ]
    alias = yield Question(setup.host, Kind.CNAME)
    out: list[Finding] = []
    for kind, address in found:
        record = Record(Topic.ADDRESS, setup.host, kind, address)
        wanted = [each for each in setup.addresses if _same_family(each, kind)]
        if alias.values:
            out.append(wrong(record, f"{setup.host} is a CNAME of {alias.values[0]}"))
        elif wanted and address not in wanted:
            out.append(wrong(record, f"{address} is not this server, which is at {_listed(wanted)}"))
        elif not ipaddress.ip_address(address).is_global:
            out.append(wrong(record, f"{address} cannot be reached from the internet"))
        else:
            out.append(right(record))
    for _, address in found:
        out.append((yield from _pointer(setup, address)))
    return out


def _pointer(setup: Setup, address: str) -> Asking[Finding]:
    reverse = ipaddress.ip_address(address).reverse_pointer
    record = Record(Topic.PTR, reverse, Kind.PTR, f"{setup.host}.")
    answer = yield Question(reverse, Kind.PTR)
    names = [name.lower() for name in answer.values[:MOST_NAMES]]
    if not names:
        if answer.found is Found.TROUBLE:
            return absent(record, answer)
        return missing(record, f"{address} has no name; who gave you the address sets it")
    if setup.host in names:
        return right(record)
    kind = Kind.A if ipaddress.ip_address(address).version == 4 else Kind.AAAA
    for name in names:
        back = (yield Question(name, kind)) if is_name(name) else Answer(Found.NO_NAME)
        if address in back.values:
            return wrong(record, f"{address} is called {name}, and this server says it is {setup.host}")
    return wrong(record, f"{address} is called {_listed(names)}, which does not lead back to it")


def _same_family(address: str, kind: Kind) -> bool:
    return (ipaddress.ip_address(address).version == 4) is (kind is Kind.A)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
