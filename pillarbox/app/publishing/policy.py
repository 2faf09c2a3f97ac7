"""The policy of MTA-STS (RFC 8461 3.2): that mail for a domain comes by TLS, to these hosts.

version: STSv1
mode: testing
mx: mail.example.org
max_age: 604800
"""

from dataclasses import dataclass

from pillarbox.app.entering import StsMode as Mode
from pillarbox.delivery.published import mta_sts_policy


@dataclass(frozen=True, slots=True)
class Policy:
    mode: str
    hosts: tuple[str, ...]
    max_age: int


class NotAPolicy(ValueError):
    """`str()` says why."""


def text(host: str, mode: Mode = "testing") -> str:
    """What this server's domains serve. RFC 8461 3.2: `testing` has others report, and loses nothing."""
    return mta_sts_policy([host], mode)


def url(domain: str) -> str:
    return f"https://mta-sts.{domain}/.well-known/mta-sts.txt"


def parse(served: str) -> Policy:
    """RFC 8461 3.2: unknown fields are passed over, and of one that stands twice the first counts."""
    values: dict[str, str] = {}
    hosts: list[str] = []
    for line in served.replace("\r\n", "\n").split("\n"):
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            if line.strip():
                raise NotAPolicy("a line of it is no field")
        elif key == "mx":
            hosts.append(value.lower())
        else:
            values.setdefault(key, value)
    if values.get("version") != "STSv1":
        raise NotAPolicy("it does not say version: STSv1")
    mode = values.get("mode", "")
    if mode not in ("enforce", "testing", "none"):
        raise NotAPolicy("its mode is none of enforce, testing and none")
    age = values.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise NotAPolicy("it has no max_age")
    if mode != "none" and not hosts:
        raise NotAPolicy("it names no host")
    return Policy(mode, tuple(hosts), int(age))


def covers(policy: Policy, host: str) -> bool:
    """RFC 8461 4.1: a star stands for exactly one label, the leftmost."""
    return host in policy.hosts or f"*.{host.partition('.')[2]}" in policy.hosts
