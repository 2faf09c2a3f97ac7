"""Who is at either end of a transport, and how it is protected."""

import asyncio
import socket
from typing import Any

from pillarbox.net.session import Peer, TlsInfo


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    return _named(transport, transport.get_extra_info("peername"))


def local_of(transport: asyncio.BaseTransport) -> Peer:
    return _named(transport, transport.get_extra_info("sockname"))


def tls_info_of(transport: asyncio.BaseTransport) -> TlsInfo | None:
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    cipher, _, bits = tls.cipher() or ("", "", 0)
    names = (tls.getpeercert() or {}).get("subjectAltName", ())
    # RFC 5280 4.2.1.6: rfc822Name; the address in the subject is of older times (4.1.2.6).
    certified = tuple(name for kind, name in names if kind == "email")
    return TlsInfo(tls.version() or "", cipher, bits, tls.selected_alpn_protocol(), certified)


def _named(transport: asyncio.BaseTransport, name: Any) -> Peer:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family == getattr(socket, "AF_UNIX", None):
        return Peer(name if isinstance(name, str) else "", is_loopback=True, is_unix=True)
    if not isinstance(name, tuple):  # gone before it could be asked
        return Peer("")
    address = str(name[0]).partition("%")[0]
    if address.startswith("::ffff:") and "." in address:
        address = address[7:]  # RFC 4291 2.5.5.2: an IPv4 peer of a dual-stack socket
    return Peer(address, name[1], is_loopback=address == "::1" or address.startswith("127."))
