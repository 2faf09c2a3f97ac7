"""Reports of TLS towards a domain (RFC 8460): the record that asks for them, JSON, and the mail it is in."""

import base64
import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from pillarbox.delivery.trace import date
from pillarbox.delivery.trust.results import DAY, SUCCESS, Count
from pillarbox.identity.addresses import maybe_address

PLACES_LIMIT = 4  # where one report goes
_RECORD = re.compile(r"v=TLSRPTv1[ \t]*;(.*)", re.DOTALL)
_WIDTH = 76


@dataclass(frozen=True, slots=True)
class Web:
    """A place that takes reports by HTTPS."""

    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        return f"https://{self.host}{f':{self.port}' if self.port else ''}{self.path}"


@dataclass(frozen=True, slots=True)
class Places:
    addresses: tuple[str, ...] = ()
    webs: tuple[Web, ...] = ()

    def __str__(self) -> str:
        return ", ".join([*(f"mailto:{each}" for each in self.addresses), *map(str, self.webs)])


def places(texts: Iterable[str]) -> Places:
    """RFC 8460 3: where reports are wanted; nowhere, unless there is one record of them."""
    found = [match[1] for text in texts if (match := _RECORD.match(text))]
    if len(found) != 1:
        return Places()
    addresses: list[str] = []
    webs: list[Web] = []
    for field in found[0].split(";"):
        name, equals, value = field.strip(" \t").partition("=")
        if not equals or name.rstrip(" \t") != "rua":
            continue
        for uri in value.split(",")[:PLACES_LIMIT]:
            uri = uri.strip(" \t")
            if uri.lower().startswith("mailto:"):
                address = maybe_address(unquote(uri[7:].partition("?")[0]))
                if address is not None:
                    addresses.append(str(address))
            elif (web := _web(uri)) is not None:
                webs.append(web)
    return Places(tuple(addresses), tuple(webs))


def _web(uri: str) -> Web | None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "https" or not parts.hostname or not uri.isascii() or not uri.isprintable():
        return None
    path = parts.path or "/"
    return Web(parts.hostname, port, f"{path}?{parts.query}" if parts.query else path)


def id_of(day: int, domain: str, hostname: str) -> str:
    """The same for the same report: who gets it twice can tell."""
    return f"{day}.{domain}@{hostname}"


def document(counts: Sequence[Count], day: int, domain: str, hostname: str) -> dict[str, Any]:
    """RFC 8460 4.4."""
    policies: list[dict[str, Any]] = []
    for policy in list({str(each.policy): each.policy for each in counts}.values()):
        of = [each for each in counts if each.policy == policy]
        failed = [each for each in of if each.session.result != SUCCESS]
        made: dict[str, Any] = {
            "policy": policy,
            "summary": {
                "total-successful-session-count": sum(each.count for each in of if each not in failed),
                "total-failure-session-count": sum(each.count for each in failed),
            },
        }
        if failed:
            made["failure-details"] = [_details(each) for each in failed]
        policies.append(made)
    return {
        "organization-name": hostname,
        "date-range": {
            "start-datetime": _moment(day * DAY),
            "end-datetime": _moment(day * DAY + DAY - 1),
        },
        "contact-info": f"postmaster@{hostname}",
        "report-id": id_of(day, domain, hostname),
        "policies": policies,
    }


def _details(each: Count) -> dict[str, Any]:
    session = each.session
    named = {
        "sending-mta-ip": session.own_address,
        "receiving-mx-hostname": session.host,
        "receiving-ip": session.address,
        "failure-reason-code": session.reason,
    }
    return {
        "result-type": session.result,
        **{name: value for name, value in named.items() if value},
        "failed-session-count": each.count,
    }


def packed(found: dict[str, Any]) -> bytes:
    """RFC 8460 5.2. The same octets for the same report."""
    return gzip.compress(msgspec.json.encode(found), mtime=0)


def message(
    content: bytes, day: int, domain: str, hostname: str, addresses: Sequence[str], now: float
) -> bytes:
    """RFC 8460 5.3."""
    id = id_of(day, domain, hostname)
    boundary = f"=_{day}_tlsrpt"
    file = f"{hostname}!{domain}!{day * DAY}!{day * DAY + DAY - 1}.json.gz"
    encoded = base64.b64encode(content).decode()
    lines = [
        f"From: TLS reports <postmaster@{hostname}>",
        "To: " + ",\r\n\t".join(f"<{each}>" for each in addresses),
        f"Subject: Report Domain: {domain}\r\n\tSubmitter: {hostname}\r\n\tReport-ID: <{id}>",
        f"Date: {date(now)}",
        f"Message-ID: <{id}>",
        f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {hostname}",
        "TLS-Required: No",  # RFC 8460 5.3.1, RFC 8689 3: what is wrong with TLS must not stop it
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type="tlsrpt";\r\n\tboundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is an aggregate TLS report from {hostname}",
        f"about sessions with {domain} on {_moment(day * DAY)[:10]}.",
        "",
        f"--{boundary}",
        "Content-Type: application/tlsrpt+gzip",
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment;\r\n\tfilename="{file}"',
        "",
        *(encoded[at : at + _WIDTH] for at in range(0, len(encoded), _WIDTH)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
