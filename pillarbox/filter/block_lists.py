"""DNS lists of addresses and domains that others keep (RFC 5782): asked, and believed while they are sound.

* What is listed has an A record in 127.0.0.0/8; everything else (a parked zone, a resolver that invents
  answers) is no listing. 127.0.0.1 is none either, nor is 127.255.255.0/24, by which lists say "not you".
* A list has test entries (RFC 5782 5). One that lists what it must not, or not what it must, is not used.
* Where the DNS does not answer there is no verdict.
"""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, ip_address, ip_network

from pillarbox.filter.auth.domains import a_labels
from pillarbox.filter.dns import Answer, Asking, Found, Kind, Question, is_name

_ALL = ip_network("127.0.0.0/8")
_NEVER = (ip_network("127.0.0.1"), ip_network("127.255.255.0/24"))
REASON_LIMIT = 200  # characters of what a list says why


class Of(Enum):
    """What a list has entries for."""

    ADDRESSES = "address"
    DOMAINS = "domain"


@dataclass(frozen=True, slots=True)
class BlockList:
    """`codes`: of the addresses it answers with, those that count; without any, all that can mean a listing.
    `tested`: its test entries are looked at."""

    zone: str
    of: Of = Of.ADDRESSES
    codes: tuple[IPv4Network, ...] = ()
    weight: int = 10
    tested: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """`subject` is on the list `zone`; `reason` is what the list says of it, "" without."""

    subject: str
    zone: str
    weight: int
    reason: str = ""


class Soundness(Enum):
    SOUND = "sound"
    NOT = "not sound"
    UNKNOWN = "not known"


def label(subject: str) -> str | None:
    """What stands before a zone (RFC 5782 2.1, 2.4, 3): of addresses the octets or nibbles reversed."""
    try:
        pointer = ip_address(subject).reverse_pointer
    except ValueError:
        return a_labels(subject)
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def look_up(entry: BlockList, subject: str) -> Asking[Listing | None]:
    """Whether it is listed, and why."""
    name = _name(entry, subject)
    if name is None:
        return None
    answer = yield Question(name, Kind.A)
    if not _counts(entry, answer):
        return None
    # RFC 5782 2.1: the reason is a TXT record of the same name.
    said = yield Question(name, Kind.TXT)
    reason = "".join(c if c.isprintable() and c.isascii() else "?" for c in " ".join(said.values[:1]))
    return Listing(subject, entry.zone, entry.weight, reason[:REASON_LIMIT])


def try_out(entry: BlockList, version: int = 4) -> Asking[Soundness]:
    """RFC 5782 5: 127.0.0.2 is on every list and 127.0.0.1 on none, for IPv6 as ::FFFF:7F00:2 and :1; of
    domains these are TEST and INVALID."""
    if entry.of is Of.DOMAINS:
        there, not_there = "test", "invalid"
    elif version == 4:
        there, not_there = "127.0.0.2", "127.0.0.1"
    else:
        there, not_there = "::ffff:7f00:2", "::ffff:7f00:1"
    for subject, wanted in ((not_there, False), (there, True)):
        name = _name(entry, subject)
        if name is None:
            return Soundness.NOT
        answer = yield Question(name, Kind.A)
        if answer.found is Found.TROUBLE:
            return Soundness.UNKNOWN
        if bool(_in_range(answer)) is not wanted:
            return Soundness.NOT
    return Soundness.SOUND


def _name(entry: BlockList, subject: str) -> str | None:
    before = label(subject)
    name = f"{before}.{entry.zone}"
    return name if before is not None and is_name(name) else None


def _in_range(answer: Answer) -> list[str]:
    return [text for text in answer.values if _is_listing(text)]


def _is_listing(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return address in _ALL and not any(address in network for network in _NEVER)


def _counts(entry: BlockList, answer: Answer) -> bool:
    if not entry.codes:
        return bool(_in_range(answer))
    return any(ip_address(text) in code for text in _within_all(answer) for code in entry.codes)


def _within_all(answer: Answer) -> list[str]:
    """RFC 5782 2.3: whatever the configuration says, an entry is in 127.0.0.0/8."""
    found = []
    for text in answer.values:
        try:
            if ip_address(text) in _ALL:
                found.append(text)
        except ValueError:
            continue
    return found
