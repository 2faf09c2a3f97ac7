"""The certificates of a server: one that everybody is shown, and others for those who ask for their names.

    certificates = Certificates(material)            OSError when it is no good
    context = certificates.context(("imap",))        for one handshake
    certificates.adopt(other)                        for every handshake from now on; OSError changes nothing

Contexts are made anew each day: OpenSSL has one key for all session tickets of a context, and who gets hold
of it can read what was said under them (RFC 9325 3.4).
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pillarbox.net.tls import Pair, ServerContext, server_context

RENEWED = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Material:
    """`pairs`: the first is for everybody who asks for no name, or for one that none of the others has; the
    names of the others are with them. `client_ca`: who vouches for clients, PEM; b'' when nobody is asked."""

    pairs: tuple[Pair, ...]
    client_ca: bytes = b""


class Certificates:
    def __init__(self, material: Material, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._material = material
        self._made: dict[tuple[str, ...], tuple[float, ServerContext]] = {}
        self.adopt(material)

    def adopt(self, material: Material) -> None:
        check(material)
        self._material = material
        self._made.clear()

    def context(self, alpn: tuple[str, ...] = ()) -> ServerContext:
        now = self._clock()
        made = self._made.get(alpn)
        if made is None or now >= made[0] + RENEWED:
            made = self._made[alpn] = now, _contexts(self._material, alpn)
        return made[1]

    def finder(self, *alpn: str) -> Callable[[], ServerContext]:
        """`context` for a listener: the protocol is named to clients that ask (RFC 7301)."""
        return lambda: self.context(alpn)


def check(material: Material) -> None:
    """OSError when it is no good."""
    _contexts(material, ())


def _contexts(material: Material, alpn: tuple[str, ...]) -> ServerContext:
    first, *others = [server_context(pair, alpn, material.client_ca) for pair in material.pairs]
    names = {name: each for pair, each in zip(material.pairs[1:], others) for name in pair.names}
    if names:

        def choose(connection: Any, name: str | None, context: ssl.SSLContext) -> None:
            # RFC 6066 3: a name that nobody has is no reason to break off.
            found = _find(names, name)
            if found is not None:
                connection.context = found

        first.sni_callback = choose
    return first


def _find(names: dict[str, ServerContext], name: str | None) -> ServerContext | None:
    if not name:
        return None
    name = name.lower().rstrip(".")
    # RFC 6125 6.4.3: a star stands for one whole label, the leftmost.
    return names.get(name) or names.get("*." + name.partition(".")[2])
