"""The PROXY protocol, versions 1 and 2: what a proxy in front says of the client it stands for. Pure.

    found = read(octets)     None: not all there yet. ProxySyntax: this is no header
    found.size               octets that were the header; what follows is the client's
    found.source             the client; None where the proxy speaks for itself (LOCAL, UNKNOWN)

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_V1 = 107  # octets, by the specification, with its end
MAX_V2 = 2048  # octets after the first sixteen; the addresses take 216 at most, the rest is for extensions
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V1 = re.compile(
    rb"PROXY (?:(?P<unknown>UNKNOWN)(?: [^\r\n]*)?"
    rb"|(?P<family>TCP4|TCP6) (?P<source>[0-9A-Fa-f.:]+) (?P<target>[0-9A-Fa-f.:]+)"
    rb" (?P<port>0|[1-9][0-9]{0,4}) (?P<to>0|[1-9][0-9]{0,4}))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21
_INET, _INET6 = 1, 2


class ProxySyntax(ValueError):
    """These octets do not begin a connection as a proxy does."""


@dataclass(frozen=True, slots=True)
class Header:
    size: int
    source: tuple[str, int] | None = None  # address and port


def read(octets: bytes) -> Header | None:
    """The header that `octets` begin with, when it is all there."""
    if octets.startswith(b"PROXY "[: len(octets)]):
        return _read_v1(octets)
    if octets.startswith(SIGNATURE[: len(octets)]):
        return _read_v2(octets)
    raise ProxySyntax("A PROXY header was expected")


def _read_v1(octets: bytes) -> Header | None:
    end = octets.find(b"\n", 0, MAX_V1)
    if end < 0:
        if len(octets) >= MAX_V1:
            raise ProxySyntax("The PROXY line does not end")
        return None
    match = _V1.fullmatch(octets, 0, end + 1)
    if match is None:
        raise ProxySyntax("The PROXY line is not one")
    if match["unknown"]:
        return Header(end + 1)
    version = 4 if match["family"] == b"TCP4" else 6
    source = _address(match["source"].decode("ascii"), version)
    _address(match["target"].decode("ascii"), version)
    port = int(match["port"])
    if max(port, int(match["to"])) > 65535:
        raise ProxySyntax("That is no port")
    return Header(end + 1, (source, port))


def _read_v2(octets: bytes) -> Header | None:
    if len(octets) < 16:
        return None
    command, family, length = octets[12], octets[13], int.from_bytes(octets[14:16])
    if command not in (_LOCAL, _PROXY):
        raise ProxySyntax("That version or command of PROXY is not known")
    if length > MAX_V2:
        raise ProxySyntax("The PROXY header is too long")
    size = 16 + length
    if len(octets) < size:
        return None
    octets_each = {_INET: 4, _INET6: 16}.get(family >> 4)
    # 2.2: what is LOCAL, or of a family that is not known, is the proxy's own connection.
    if command == _LOCAL or octets_each is None:
        return Header(size)
    if family & 0xF != 1:
        raise ProxySyntax("Mail comes by streams")
    if length < 2 * octets_each + 4:
        raise ProxySyntax("The addresses of the PROXY header are not all there")
    source = ipaddress.ip_address(octets[16 : 16 + octets_each])
    at = 16 + 2 * octets_each
    return Header(size, (_plain(source), int.from_bytes(octets[at : at + 2])))


def _address(text: str, version: int) -> str:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise ProxySyntax("That is no address") from None
    if parsed.version != version:
        raise ProxySyntax("That is no address of this family")
    return _plain(parsed)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """RFC 4291 2.5.5.2: an IPv4 address, however it is written."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
