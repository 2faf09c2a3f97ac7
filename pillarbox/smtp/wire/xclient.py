"""XCLIENT: a proxy in front says who its client is, in the middle of a session (Postfix, XCLIENT_README).

    XCLIENT NAME=host.example ADDR=192.0.2.1 LOGIN=kim@example.org

Values are xtext; what the proxy does not know is [UNAVAILABLE], or [TEMPUNAVAIL] where it may know later.
"""

import ipaddress
import re
from dataclasses import dataclass

from pillarbox.smtp.address import is_host
from pillarbox.smtp.wire.fault import Fault

ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
MOST = 300  # octets of a value: a name has 255 at most

_PAIR = re.compile(r"([A-Za-z]+)=((?:[!-*,-~]|\+[0-9A-Fa-f]{2})+)")
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Xclient:
    """What was said; None where it was not, "" where the proxy does not know it. `address` is plain."""

    name: str | None = None
    address: str | None = None
    port: int | None = None
    extended: bool | None = None  # ESMTP, and not SMTP
    helo: str | None = None
    login: str | None = None
    to_address: str | None = None
    to_port: int | None = None


def read_xclient(rest: str) -> Xclient:
    said: dict[str, str] = {}
    for word in rest.split():
        match = _PAIR.fullmatch(word)
        if match is None or match[1].upper() not in ATTRIBUTES or len(match[2]) > MOST:
            raise Fault(501, "5.5.4", f"XCLIENT has {', '.join(ATTRIBUTES)}, each with a value")
        value = re.sub(r"\+([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), match[2])
        if not value.isprintable() or not value.isascii():
            raise Fault(501, "5.5.4", f"{match[1]} is printable ASCII")
        said[match[1].upper()] = "" if value.upper() in _UNKNOWN else value
    if not said:
        raise Fault(501, "5.5.4", "Say XCLIENT and what is known of the client")
    protocol = said.get("PROTO", "ESMTP").upper()
    if protocol not in ("SMTP", "ESMTP", ""):
        raise Fault(501, "5.5.4", "PROTO is SMTP or ESMTP")
    for key in ("HELO", "NAME"):
        if said.get(key) and not is_host(said[key]):
            raise Fault(501, "5.5.4", f"{key} is the name of a host")
    return Xclient(
        said.get("NAME"),
        _address(said.get("ADDR")),
        _port(said.get("PORT")),
        None if "PROTO" not in said else protocol != "SMTP",
        said.get("HELO"),
        said.get("LOGIN"),
        _address(said.get("DESTADDR")),
        _port(said.get("DESTPORT")),
    )


def _address(value: str | None) -> str | None:
    if not value:
        return value
    tag, colon, rest = value.partition(":")
    try:
        parsed = ipaddress.ip_address(rest if colon and tag.upper() == "IPV6" else value)
    except ValueError:
        raise Fault(501, "5.5.4", "ADDR is 192.0.2.1 or IPV6:2001:db8::1") from None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def _port(value: str | None) -> int | None:
    if not value:
        return None
    if not _PORT.fullmatch(value) or int(value) > 65535:
        raise Fault(501, "5.5.4", "That is no port")
    return int(value)
