"""A DMARC policy record (RFC 9989 4.7, 4.8). Only `v` must be right; all else that is malformed is absent."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from pillarbox.filter.auth import tags

ADDRESSES_LIMIT = 10  # of rua or ruf; where reports go
_TEXT_LIMIT = 8192


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
    or p= is missing. `testing`: t=y. `reports`: rua= (aggregate), `failures`: ruf=."""

    policy: Policy | None = None
    subdomains: Policy | None = None
    missing: Policy | None = None
    malformed: bool = False
    suffix: Suffix = Suffix.UNSAID
    testing: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False
    reports: tuple[str, ...] = ()
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
        reports=_addresses(found.get("rua", "")),
        failures=_addresses(found.get("ruf", "")),
        failure_options=found.get("fo", "0"),
    )


def _addresses(text: str) -> tuple[str, ...]:
    """URIs, without the sizes that an older form allowed after them."""
    written = [tags.packed(each).partition("!")[0] for each in text.split(",")[:ADDRESSES_LIMIT]]
    return tuple(uri for uri in written if ":" in uri[1:] and uri.isascii() and uri.isprintable())
