"""What is known of a server and one domain of its: plain data, out of which records are made and judged."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.app.config import Config
from pillarbox.app.entering import StsMode
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
HTTPS = 443


@dataclass(frozen=True, slots=True)
class Setup:
    """`domain` and `host` in A-labels. `ports`: those of `SERVICES` that are reached from outside; the others
    are off. `addresses`: of the host, where they are known. `keys`: selector and key record of each signature
    of DKIM. `smarthost`: other servers carry this one's mail to the world. `web`: whether it speaks
    HTTPS itself; `mta_sts`: the mode of the policy."""

    domain: str
    host: str
    ports: dict[str, int]
    addresses: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    smarthost: bool = False
    web: bool = False
    mta_sts: StsMode = "testing"


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
        _speaks_https(config),
        config.web.mta_sts,
    )


def name(text: str) -> str:
    """A name for the DNS, or a sentence."""
    found = a_labels(text)
    if found is None or "." not in found:
        raise Refused(f"{text} is no full name in the DNS, like example.org", Code.CANNOT)
    return found


def ports(config: Config) -> dict[str, int]:
    """By which port each service is reached."""
    found: dict[str, int] = {}
    for protocol, address in config.listen.each():
        if protocol in SERVICES and protocol not in found:
            port = _outside(config, protocol, address, SERVICES[protocol][1])
            if port is not None:
                found[protocol] = port
    return found


def _outside(config: Config, protocol: str, address: str, usual: int) -> int | None:
    """The port that the world finds it at: what listens on loopback alone is not, unless a proxy stands in
    front, which is where the standard says."""
    if address.startswith("unix:"):
        return None
    host, _, port = address.rpartition(":")
    if host.strip("[]") not in ("::1", "localhost") and not host.startswith("127."):
        return int(port)
    return usual if config.proxy.networks and protocol in config.proxy.protocols else None


def _speaks_https(config: Config) -> bool:
    """Where all who look for what a domain publishes there do."""
    places = [address for protocol, address in config.listen.each() if protocol == "https"]
    return any(_outside(config, "https", each, HTTPS) == HTTPS for each in places)


def checked(addresses: Sequence[str]) -> tuple[str, ...]:
    """All of them as the DNS has them, or a sentence."""
    found = []
    for text in addresses:
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            raise Refused(f"{text} is no address, like 192.0.2.1 or 2001:db8::1", Code.CANNOT) from None
    return tuple(found)
