"""What is known of a server and one domain of its: plain data, out of which records are made and judged."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.app.config import Config
from pillarbox.filter.auth.domains import a_labels
from pillarbox.model.errors import Code, Refused

# Where each service is by the standard, and what SRV calls it (RFC 6186 3, RFC 8314 5.1).
SERVICES = {
    "submissions": ("_submissions._tcp", 465),
    "submission": ("_submission._tcp", 587),
    "imaps": ("_imaps._tcp", 993),
    "imap": ("_imap._tcp", 143),
    "pop3s": ("_pop3s._tcp", 995),
    "pop3": ("_pop3._tcp", 110),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """`domain` and `host` in A-labels. `ports`: those of `SERVICES` that are reached from outside; the others
    are off. `addresses`: of the host, where they are known. `keys`: selector and key record of each signature
    of DKIM. `smarthost`: other servers carry this one's mail to the world."""

    domain: str
    host: str
    ports: dict[str, int]
    addresses: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    smarthost: bool = False


def setup(
    config: Config, domain: str, *, addresses: Sequence[str] = (), keys: Sequence[tuple[str, str]] = ()
) -> Setup:
    return Setup(
        name(domain),
        name(config.hostname),
        ports(config),
        checked(addresses),
        tuple(keys),
        any(not each.domains for each in config.outbound.smarthosts),
    )


def name(text: str) -> str:
    """A name for the DNS, or a sentence."""
    found = a_labels(text)
    if found is None or "." not in found:
        raise Refused(f"{text} is no full name in the DNS, like example.org", Code.CANNOT)
    return found


def ports(config: Config) -> dict[str, int]:
    """By which port each service is reached: what listens on loopback alone is not, unless a proxy stands in
    front, which is where the standard says."""
    found: dict[str, int] = {}
    for protocol, address in config.listen.each():
        if protocol not in SERVICES or protocol in found or address.startswith("unix:"):
            continue
        host, _, port = address.rpartition(":")
        if host.strip("[]") not in ("::1", "localhost") and not host.startswith("127."):
            found[protocol] = int(port)
        elif config.proxy.networks and protocol in config.proxy.protocols:
            found[protocol] = SERVICES[protocol][1]
    return found


def checked(addresses: Sequence[str]) -> tuple[str, ...]:
    """All of them as the DNS has them, or a sentence."""
    found = []
    for text in addresses:
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            raise Refused(f"{text} is no address, like 192.0.2.1 or 2001:db8::1", Code.CANNOT) from None
    return tuple(found)
