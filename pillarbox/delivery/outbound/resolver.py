"""The seam to DNS: what delivery asks it, and the real thing.

A name that does not exist, an answer that is empty and a server that does not answer are three things.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

LIFETIME = 20.0  # seconds for one question, with all tries


class NoSuchName(Exception):
    """The name does not exist (NXDOMAIN)."""


class NoAnswer(Exception):
    """DNS cannot say at the moment: SERVFAIL, a timeout."""


class Resolver(Protocol):
    async def mx(self, domain: str) -> Sequence[tuple[int, str]]:
        """(preference, host) of each MX record; none when the name has none. "." is the null MX's host."""

    async def addresses(self, host: str) -> Sequence[str]:
        """IPv6 and IPv4 addresses; none when the name has none."""


class Dns:
    """By the servers of the machine, or by `servers`, each `address` or `address:port`."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._made: dns.asyncresolver.Resolver | None = None

    async def mx(self, domain: str) -> Sequence[tuple[int, str]]:
        answer = await self._ask(domain, "MX")
        return [(int(each.preference), str(each.exchange).rstrip(".") or ".") for each in answer]

    async def addresses(self, host: str) -> Sequence[str]:
        # IPv4 first: RFC 5321 5.2 leaves the order to the client, and a name has it nearly always.
        found: list[str] = []
        trouble: NoAnswer | None = None
        for kind in ("A", "AAAA"):
            try:
                found += [str(each.address) for each in await self._ask(host, kind)]
            except NoAnswer as error:
                trouble = error
        if not found and trouble is not None:
            raise trouble
        return found

    async def _ask(self, name: str, kind: str) -> Iterable[Any]:
        try:
            if self._made is None:
                self._made = self._make()
            # The name is complete: no search list is asked.
            answer: Iterable[Any] = await self._made.resolve(name.rstrip(".") + ".", kind, lifetime=LIFETIME)
            return answer
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(name) from None
        except dns.resolver.NoAnswer:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswer(f"{name}: {error}") from error

    def _make(self) -> dns.asyncresolver.Resolver:
        made = dns.asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            pairs = [
                server.rpartition(":") if ":" in server else (server, "", "53") for server in self._servers
            ]
            made.nameservers = [address for address, _, _ in pairs]
            made.nameserver_ports = {address: int(port) for address, _, port in pairs}
        return made
