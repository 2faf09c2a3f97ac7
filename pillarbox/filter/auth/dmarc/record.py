"""A DMARC policy record (RFC 9989 4.7, 4.8). Only `v` must be right; all else that is malformed is absent."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum

from pillarbox.filter.auth import tags

ADDRESSES_LIMIT = 10  # of rua or ruf; where reports go
_TEXT_LIMIT = 8192
_SIZE = re.compile(r"([0-9]{1,12})([kmgt]?)")


class Policy(StrEnum):
    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Suffix(Enum):
    """psd=: is this domain one under which others register?"""

    YES = "y"
    NO = "n"
    UNSAID = "u"


@dataclass(frozen=True, slots=True)
class Record:
    """`policy`, `subdomains`, `missing`: p=, sp=, np=, None where not written. `malformed`: one of them is,
    or p= is missing. `testing`: t=y. `reports`: rua= (aggregate), `sizes`: octets that each of them takes at
    most, 0 for any number; `failures`: ruf=."""

    policy: Policy | None = None
    subdomains: Policy | None = None
    missing: Policy | None = None
    malformed: bool = False
    suffix: Suffix = Suffix.UNSAID
    testing: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False
    reports: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    failures: tuple[str, ...] = ()
    failure_options: str = "0"


def parse(text: str) -> Record | None:
    """None where it is no DMARC record at all."""
    if len(text) > _TEXT_LIMIT:
        return None
    found: dict[str, str] = {}
    for number, part in enumerate(text.split(";")):
        name, equals, value = part.partition("=")
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        if number == 0 and (name != "v" or value != "DMARC1"):  # in this case of letters, and first
            return None
        if equals and name not in found:
            found[name] = value
    malformed = False
    policies: dict[str, Policy | None] = {}
    for name in ("p", "sp", "np"):
        try:
            policies[name] = Policy(found[name].lower()) if name in found else None
        except ValueError:
            policies[name], malformed = None, True
    try:
        suffix = Suffix(found.get("psd", "u").lower())
    except ValueError:
        suffix = Suffix.UNSAID
    return Record(
        *(policies["p"], policies["sp"], policies["np"]),
        malformed or policies["p"] is None,
        suffix,
        testing=found.get("t", "n").lower() == "y",
        strict_dkim=found.get("adkim", "r").lower() == "s",
        strict_spf=found.get("aspf", "r").lower() == "s",
        reports=tuple(uri for uri, _ in _addresses(found.get("rua", ""))),
        sizes=tuple(size for _, size in _addresses(found.get("rua", ""))),
        failures=tuple(uri for uri, _ in _addresses(found.get("ruf", ""))),
        failure_options=found.get("fo", "0"),
    )


def _addresses(text: str) -> list[tuple[str, int]]:
    """URIs, each with the size that an older form allowed after it (RFC 7489 6.4)."""
    found = []
    for each in text.split(",")[:ADDRESSES_LIMIT]:
        uri, _, size = tags.packed(each).partition("!")
        if ":" in uri[1:] and uri.isascii() and uri.isprintable():
            found.append((uri, _octets(size)))
    return found


def _octets(text: str) -> int:
    match = _SIZE.fullmatch(text.lower())
    return int(match[1]) << 10 * " kmgt".index(match[2] or " ") if match else 0
