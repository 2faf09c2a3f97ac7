"""The records that a domain of this server is to publish, in the order people enter them in.

`topic` says what a record is for. What mail needs is `needed`; the rest makes it safer or easier to set up,
and a domain without it works.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pillarbox.app.publishing import policy
from pillarbox.app.publishing.setup import SERVICES, Setup
from pillarbox.delivery import published
from pillarbox.filter.dns import Kind


class Topic(StrEnum):
    MX = "MX"
    ADDRESS = "address"
    PTR = "PTR"
    SPF = "SPF"
    HELO = "SPF of the host"
    DKIM = "DKIM"
    DMARC = "DMARC"
    STS = "MTA-STS"
    STS_HOST = "MTA-STS host"
    TLSRPT = "TLSRPT"
    SRV = "SRV"
    CONFIGURATION = "autoconfiguration"


WHY = {
    Topic.MX: "mail for the domain comes to this server",
    Topic.ADDRESS: "where the server is",
    Topic.PTR: "set by who gave you the address; many servers take no mail from an address without it",
    Topic.SPF: "who may send mail for the domain",
    Topic.HELO: "the same for the server's own reports",
    Topic.DKIM: "the keys that the domain's mail is signed with",
    Topic.DMARC: "what others do with mail that only claims to be from the domain; p=none to begin with",
    Topic.STS: "mail for the domain comes by TLS only; needs the policy below, which listen.https serves",
    Topic.STS_HOST: "where the policy is served; a name for the certificate",
    Topic.TLSRPT: "where others report failures of TLS to",
    Topic.SRV: 'where mail clients find the services; "." for those that are off',
    Topic.CONFIGURATION: "where mail clients ask for settings, by listen.https; names for the certificate",
}

UNKNOWN_ADDRESS = ""  # the value of an address that only the operator knows


@dataclass(frozen=True, slots=True)
class Record:
    """`name` without the last dot; `value` as a zone file has it, except that a TXT is its text alone."""

    topic: Topic
    name: str
    kind: Kind
    value: str
    needed: bool = True


def records(setup: Setup) -> list[Record]:
    return list(_records(setup))


def _records(setup: Setup) -> Iterator[Record]:
    domain, host = setup.domain, setup.host
    yield Record(Topic.MX, domain, Kind.MX, f"10 {host}.")
    for address in setup.addresses:
        kind = Kind.A if ipaddress.ip_address(address).version == 4 else Kind.AAAA
        yield Record(Topic.ADDRESS, host, kind, address)
    if not setup.addresses:
        yield Record(Topic.ADDRESS, host, Kind.A, UNKNOWN_ADDRESS)
    for address in setup.addresses:
        reverse = ipaddress.ip_address(address).reverse_pointer
        yield Record(Topic.PTR, reverse, Kind.PTR, f"{host}.")
    yield Record(Topic.SPF, domain, Kind.TXT, "v=spf1 mx -all")
    if host != domain:
        # RFC 7208 10.1.3: reports have no sender, so it is the name in HELO that is asked about.
        yield Record(Topic.HELO, host, Kind.TXT, "v=spf1 a -all", needed=False)
    for selector, key in setup.keys:
        yield Record(Topic.DKIM, f"{selector}._domainkey.{domain}", Kind.TXT, key)
    reader = f"postmaster@{domain}"
    yield Record(Topic.DMARC, f"_dmarc.{domain}", Kind.TXT, f"v=DMARC1; p=none; rua=mailto:{reader}")
    sts = published.mta_sts(domain, policy.text(host, setup.mta_sts))
    yield Record(Topic.STS, sts.name, Kind.TXT, sts.value, needed=False)
    yield Record(Topic.STS_HOST, f"mta-sts.{domain}", Kind.CNAME, f"{host}.", needed=False)
    tls = published.tls_reports(domain, [reader])
    yield Record(Topic.TLSRPT, tls.name, Kind.TXT, tls.value, needed=False)
    for service, (label, _) in SERVICES.items():
        port = setup.ports.get(service)
        # RFC 6186 3.4: a target of "." says that the service is not there.
        where = "0 0 0 ." if port is None else f"0 1 {port} {host}."
        yield Record(Topic.SRV, f"{label}.{domain}", Kind.SRV, where, needed=False)
    for label in ("autoconfig", "autodiscover"):
        yield Record(Topic.CONFIGURATION, f"{label}.{domain}", Kind.CNAME, f"{host}.", needed=False)
