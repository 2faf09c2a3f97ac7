"""MTA-STS (RFC 8461): which hosts take mail for a domain, and that they prove it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

Mode = Literal["enforce", "testing", "none"]

SIZE_LIMIT = 64 * 1024  # octets of a policy: RFC 8461 3.3 suggests so much
MAX_AGE = 31_557_600  # seconds; RFC 8461 3.2: a year
HOSTS_LIMIT = 500

_RECORD = re.compile(r"v=STSv1[ \t]*;(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")


class Invalid(ValueError):
    """It is no policy; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`lines` are all of it, as reports quote it."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age: int
    lines: tuple[str, ...] = ()

    def names(self, host: str) -> bool:
        """RFC 8461 4.1: is this one of the hosts? A star stands for one label."""
        host = host.lower().removesuffix(".")
        parent = host.partition(".")[2]
        return any(
            pattern[2:] == parent if pattern.startswith("*.") else pattern == host for pattern in self.hosts
        )


def id_of(texts: Iterable[str]) -> str | None:
    """The id of the one record that is MTA-STS's (RFC 8461 3.1); None where there is none or more."""
    found = [match[1] for text in texts if (match := _RECORD.match(text))]
    if len(found) != 1:
        return None
    for field in found[0].split(";"):
        name, equals, value = field.strip(" \t").partition("=")
        if equals and name.rstrip(" \t") == "id":
            value = value.lstrip(" \t")
            return value if _ID.fullmatch(value) else None
    return None


def parse(text: bytes) -> Policy:
    """RFC 8461 3.2."""
    if len(text) > SIZE_LIMIT:
        raise Invalid("the policy is too long")
    try:
        lines = [line.strip(" \t") for line in re.split(r"\r?\n", text.decode("utf-8"))]
    except UnicodeDecodeError:
        raise Invalid("the policy is not UTF-8") from None
    found: dict[str, str] = {}
    hosts: list[str] = []
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        name, value = name.rstrip(" \t"), value.strip(" \t")
        if not colon:
            raise Invalid("a line has no colon")
        if name == "mx":
            if not _HOST.fullmatch(value):
                raise Invalid("mx is no host")
            hosts.append(value.lower().removesuffix("."))
        else:
            found.setdefault(name, value)  # RFC 8461 3.2: the first of several counts
    if found.get("version") != "STSv1":
        raise Invalid("the version is not STSv1")
    mode = found.get("mode")
    if mode not in ("enforce", "testing", "none"):
        raise Invalid("there is no such mode")
    age = found.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise Invalid("max_age is no number of seconds")
    if mode != "none" and not hosts:
        raise Invalid("it names no host")
    if len(hosts) > HOSTS_LIMIT:
        raise Invalid("it names too many hosts")
    return Policy(cast(Mode, mode), tuple(hosts), min(int(age), MAX_AGE), tuple(filter(None, lines)))
