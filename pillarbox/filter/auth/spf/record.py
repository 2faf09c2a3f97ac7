"""What a domain publishes: `v=spf1` and its terms (RFC 7208 4.5, 5, 6). A mistake anywhere makes it void.

directive  = [ qualifier ] mechanism
mechanism  = ( all / include / a / mx / ptr / ip4 / ip6 / exists )
modifier   = redirect / explanation / unknown-modifier
"""

import ipaddress
import re
from dataclasses import dataclass

from pillarbox.filter.auth.spf import macro
from pillarbox.filter.auth.spf.macro import Pieces

RECORD_LIMIT = 64 * 1024  # characters; a TXT record cannot be longer

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)  # RFC 7208 4.5: a space or the end follows
_MODIFIER = re.compile(r"([a-z][a-z0-9\-_.]*)=(.*)", re.IGNORECASE | re.DOTALL)
_MECHANISM = re.compile(r"([+\-?~]?)([a-z][a-z0-9\-_.]*)(.*)", re.IGNORECASE | re.DOTALL)
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?\Z")
_IP4 = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?:/(0|[1-9]\d?))?")
_IP6 = re.compile(r"([0-9a-f:.]+)(?:/(0|[1-9]\d{0,2}))?", re.IGNORECASE)


class Mistake(ValueError):
    """The record is no SPF record; `str()` says why, in words that hold nothing of the record."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`domain`: None when none was written. `bits`: prefix lengths for IPv4 and IPv6. `text`: as written."""

    qualifier: str
    name: str
    text: str
    domain: Pieces | None = None
    network: Network | None = None
    bits: tuple[int, int] = (32, 128)


@dataclass(frozen=True, slots=True)
class Record:
    mechanisms: tuple[Mechanism, ...]
    redirect: Pieces | None = None
    explanation: Pieces | None = None


def is_spf(text: str) -> bool:
    return _VERSION.match(text) is not None


def parse(text: str) -> Record:
    if len(text) > RECORD_LIMIT:
        raise Mistake("too long")
    if not text.isascii():  # RFC 7208 3.1
        raise Mistake("not ASCII")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, Pieces] = {}
    for term in text[len("v=spf1") :].split(" "):
        if not term:
            continue
        if match := _MODIFIER.fullmatch(term):
            _modifier(match[1].lower(), match[2], modifiers)
        else:
            mechanisms.append(_mechanism(term))
    return Record(tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"))


def _modifier(name: str, value: str, modifiers: dict[str, Pieces]) -> None:
    if name not in ("redirect", "exp"):
        if macro.parse(value) is None:  # unknown-modifier = name "=" macro-string
            raise Mistake("an unknown modifier is no macro string")
        return
    if name in modifiers:  # RFC 7208 6: these appear once
        raise Mistake(f"{name} stands twice")
    pieces = macro.parse_domain(value)
    if pieces is None:
        raise Mistake(f"{name} names no domain")
    modifiers[name] = pieces


def _mechanism(term: str) -> Mechanism:
    match = _MECHANISM.fullmatch(term)
    if match is None:
        raise Mistake("a term that is none")
    qualifier, name, rest = match[1] or "+", match[2].lower(), match[3]
    if name in ("ip4", "ip6"):
        return Mechanism(qualifier, name, term, network=_network(name, rest))
    if name == "all":
        if rest:
            raise Mistake("all takes nothing")
        return Mechanism(qualifier, name, term)
    if name in ("include", "exists"):
        return Mechanism(qualifier, name, term, domain=_domain(name, rest))
    if name == "ptr":
        return Mechanism(qualifier, name, term, domain=_domain(name, rest) if rest else None)
    if name in ("a", "mx"):
        bits = _CIDR.search(rest)
        assert bits is not None  # it matches the empty end
        # The CIDR length ends at the first match from the left that reaches the end; a domain may hold "/".
        spec = rest[: bits.start()]
        four, six = int(bits[1] or 32), int(bits[2] or 128)
        if four > 32 or six > 128:
            raise Mistake("a prefix that is too long")
        return Mechanism(qualifier, name, term, _domain(name, spec) if spec else None, bits=(four, six))
    raise Mistake("an unknown mechanism")


def _domain(name: str, rest: str) -> Pieces:
    pieces = macro.parse_domain(rest[1:]) if rest.startswith(":") else None
    if pieces is None:
        raise Mistake(f"{name} names no domain")
    return pieces


def _network(name: str, rest: str) -> Network:
    match = (_IP4 if name == "ip4" else _IP6).fullmatch(rest[1:]) if rest.startswith(":") else None
    if match is None:
        raise Mistake(f"{name} names no network")
    try:
        if name == "ip4":
            return ipaddress.IPv4Network((match[1], int(match[2] or 32)), strict=False)
        return ipaddress.IPv6Network((match[1], int(match[2] or 128)), strict=False)
    except ValueError:
        raise Mistake(f"{name} names no network") from None
