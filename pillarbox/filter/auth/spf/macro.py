"""Macros of RFC 7208 7: parsed once, where a mistake is the record's; expanded as often as needed.

macro-expand = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

EXPANDED_LIMIT = 4096  # characters of one expansion; a name has 253, an explanation is for a reply line

_EXPAND = re.compile(r"%\{([slodiphcrtv])(\d{0,6})(r?)([.\-+,/_=]*)\}|%([%_-])", re.IGNORECASE)
_LITERAL = re.compile(r"[\x21-\x24\x26-\x7e]+")
_EXPLANATION_LITERAL = re.compile(r"[\x20-\x24\x26-\x7e]+")
_SINGLE = {"%": "%", "_": " ", "-": "%20"}

# domain-end: what a domain-spec ends with when it does not end in a macro.
_TOPLABEL = re.compile(r"\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Macro:
    letter: str
    digits: int = 0  # 0: all parts
    reverse: bool = False
    delimiters: str = "."
    escaped: bool = False


Pieces = tuple[str | Macro, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What macros speak of. `domain` changes with include and redirect, the rest does not."""

    address: Address
    local: str
    sender_domain: str
    domain: str
    helo: str
    receiver: str
    now: int


def parse(text: str, *, explanation: bool = False) -> Pieces | None:
    """The pieces of a macro-string (an explain-string if so said); None when it is none."""
    pieces: list[str | Macro] = []
    literal = _EXPLANATION_LITERAL if explanation else _LITERAL
    at = 0
    while at < len(text):
        if match := literal.match(text, at):
            pieces.append(match[0])
        elif match := _EXPAND.match(text, at):
            letter, digits, reverse, delimiters, single = match.groups()
            if single:
                pieces.append(_SINGLE[single])
            else:
                if letter.lower() in "crt" and not explanation:
                    return None
                if digits and int(digits) == 0:
                    return None
                pieces.append(
                    Macro(
                        letter.lower(), int(digits or 0), bool(reverse), delimiters or ".", letter.isupper()
                    )
                )
        else:
            return None
        at = match.end()
    return tuple(pieces)


def parse_domain(text: str) -> Pieces | None:
    """A domain-spec: it ends in a macro or in a top label."""
    pieces = parse(text)
    if not pieces or not (isinstance(pieces[-1], Macro) or text.endswith("}") or _TOPLABEL.search(text)):
        return None
    return pieces


def needs_name(pieces: Pieces) -> bool:
    """Does it speak of the validated name of the client, which has to be looked up?"""
    return any(isinstance(piece, Macro) and piece.letter == "p" for piece in pieces)


def expand(pieces: Pieces, context: Context, validated: str = "unknown") -> str:
    out: list[str] = []
    for piece in pieces:
        out.append(piece if isinstance(piece, str) else _expanded(piece, context, validated))
    return "".join(out)[:EXPANDED_LIMIT]


def expand_domain(pieces: Pieces, context: Context, validated: str = "unknown") -> str:
    """RFC 7208 7.3: too long a name loses labels on its left."""
    name = expand(pieces, context, validated).removesuffix(".")
    while len(name) > 253:
        _, dot, name = name.partition(".")
        if not dot:
            return ""
    return name


_VALUES: dict[str, Callable[[Context], str]] = {
    "s": lambda context: f"{context.local}@{context.sender_domain}",
    "l": lambda context: context.local,
    "o": lambda context: context.sender_domain,
    "d": lambda context: context.domain,
    "i": lambda context: dotted(context.address),
    "c": lambda context: str(context.address),
    "v": lambda context: "in-addr" if context.address.version == 4 else "ip6",
    "h": lambda context: context.helo,
    "r": lambda context: context.receiver or "unknown",
    "t": lambda context: str(context.now),
}


def _expanded(macro: Macro, context: Context, validated: str) -> str:
    value = validated if macro.letter == "p" else _VALUES[macro.letter](context)
    if macro.digits or macro.reverse or macro.delimiters != ".":
        parts = re.split("[" + re.escape(macro.delimiters) + "]", value)
        if macro.reverse:
            parts.reverse()
        if macro.digits:
            parts = parts[-macro.digits :]
        value = ".".join(parts)
    return quote(value, safe="-._~") if macro.escaped else value


def dotted(address: Address) -> str:
    """RFC 7208 7.3: IPv6 as 32 nibbles with dots between."""
    if address.version == 4:
        return str(address)
    return ".".join(address.exploded.replace(":", "").upper())
