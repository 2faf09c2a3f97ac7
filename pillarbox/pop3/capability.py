"""What CAPA says (RFC 2449 5), as data. What is announced before login is announced after it too, but for
STLS (RFC 2595 10)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class When(Enum):
    ALWAYS = "always"
    PASSWORDS = "where passwords may be sent"
    STLS = "before login, without TLS"


@dataclass(frozen=True, slots=True)
class Capability:
    text: str
    rfc: str
    when: When = When.ALWAYS


SASL = Capability("SASL", "RFC 5034", When.PASSWORDS)

ADVERTISED = (
    Capability("TOP", "RFC 1939 7"),
    Capability("UIDL", "RFC 1939 7"),
    Capability("USER", "RFC 1939 7", When.PASSWORDS),
    SASL,
    Capability("STLS", "RFC 2595 4", When.STLS),
    Capability("PIPELINING", "RFC 2449 6.6"),
    Capability("RESP-CODES", "RFC 2449 6.4"),
    Capability("AUTH-RESP-CODE", "RFC 3206"),
    # Nobody but its owner takes anything out of an INBOX.
    Capability("EXPIRE NEVER", "RFC 2449 6.7"),
    Capability("UTF8 USER", "RFC 6856 2"),
    Capability("LANG", "RFC 6856 3"),
    Capability("IMPLEMENTATION Pillarbox", "RFC 2449 6.9"),
)


def capabilities(mechanisms: Sequence[str], *, stls: bool) -> Iterator[str]:
    """`mechanisms` that can be used on this connection; none where passwords may not be sent on it."""
    holds = {When.ALWAYS: True, When.PASSWORDS: bool(mechanisms), When.STLS: stls}
    for each in ADVERTISED:
        if holds[each.when]:
            yield " ".join((each.text, *mechanisms)) if each is SASL else each.text
