"""The DNS for everybody: questions go to the servers of this machine, or to those of the configuration.

* The four kinds of answers stay apart; what is none of the first three, whatever went wrong, is trouble.
* An answer is kept as long as its TTL says, absence as long as its zone says, and only so many are kept.
* DNSSEC is checked by the server that is asked, and its word is good where nobody can change it on the way:
  where it is on this machine (RFC 7672 2.2).
* What an answer may hold is bounded; a chain of CNAMEs too (by dnspython, at 16).
"""

import asyncio
import ipaddress
from collections.abc import Iterable
from copy import copy
from typing import Any

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.SRV import SRV

from pillarbox.app.config import dns_server
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Found, Kind, Question

KEPT = 4096  # answers, of some hundred octets mostly
RECORDS_LIMIT = 100  # of one answer
SIZE_LIMIT = 64 * 1024  # octets of the values of one answer
AT_ONCE = 100  # questions on their way; each has a socket
TRY_SECONDS = 2.0  # for one server to answer
LOOK_SECONDS = 3.0  # to see whether DNSSEC is checked
QUESTION_SECONDS = 8.0  # for all servers and tries together


def _sockets() -> Any:
    """dnspython's way to sockets, where each is made whole, or closed: a question that nobody waits for any
    more would leave behind what is just being opened, and a loop that ends waits for that."""
    backend: Any = copy(dns.asyncbackend.get_backend("asyncio"))
    make = backend.make_socket

    async def make_socket(*args: Any, **others: Any) -> Any:
        making = asyncio.ensure_future(make(*args, **others))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(_close)
            raise

    backend.make_socket = make_socket
    return backend


def _close(making: asyncio.Future[Any]) -> None:
    if not making.cancelled() and making.exception() is None:
        made = making.result()
        (made.writer if hasattr(made, "writer") else made.transport).close()


class Resolver:
    """`servers`: addresses, with `:port` where it is not 53; without any, those of this machine."""

    def __init__(
        self,
        servers: Iterable[str] = (),
        *,
        try_seconds: float = TRY_SECONDS,
        question_seconds: float = QUESTION_SECONDS,
    ) -> None:
        self._inner = _configured(tuple(servers))
        self._inner.cache = dns.resolver.LRUCache(KEPT)
        self._inner.timeout = try_seconds
        self._inner.lifetime = question_seconds
        # RFC 6840 5.7: whether an answer has been checked, please, but not its signatures.
        self._inner.flags = dns.flags.RD | dns.flags.AD
        self.is_near = all(_is_loopback(str(each)) for each in self._inner.nameservers)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._sockets = _sockets()

    async def __call__(self, question: Question) -> Answer:
        labels = [label.encode("ascii") for label in question.name.split(".")]
        try:
            name = dns.name.Name([*labels, b""])
            async with self._turn:
                answer = await self._inner.resolve(
                    name, question.kind.value, raise_on_no_answer=False, backend=self._sockets
                )
        except dns.resolver.NXDOMAIN:
            return NO_NAME
        except (dns.exception.DNSException, OSError, ValueError, EOFError):
            return TROUBLE
        if answer.rrset is None:
            return NO_DATA
        secure = self.is_near and bool(answer.response.flags & dns.flags.AD)
        led_to = _host(answer.canonical_name)
        return _taken(question.kind, answer.rrset, secure, "" if answer.canonical_name == name else led_to)

    async def checks_dnssec(self) -> bool:
        """Whether what the servers say of DNSSEC is to be believed, and they do: the root is signed."""
        try:
            answer = await self._inner.resolve(
                dns.name.root, "NS", lifetime=LOOK_SECONDS, backend=self._sockets
            )
        except (dns.exception.DNSException, OSError, EOFError):
            return False
        return self.is_near and bool(answer.response.flags & dns.flags.AD)


def _configured(servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    if not servers:
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            servers = ("127.0.0.1",)
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = [dns.nameserver.Do53Nameserver(*dns_server(text)) for text in servers]
    return made


def _is_loopback(server: str) -> bool:
    """`server` as dnspython writes it: Do53:127.0.0.1@53."""
    try:
        return ipaddress.ip_address(server.removeprefix("Do53:").rpartition("@")[0] or server).is_loopback
    except ValueError:
        return False


def _taken(kind: Kind, rrset: object, secure: bool, name: str) -> Answer:
    found: list[tuple[int, str]] = []
    size = 0
    assert isinstance(rrset, Iterable)
    for record in rrset:
        rank, value = _value(record)
        size += len(value)
        if len(found) == RECORDS_LIMIT or size > SIZE_LIMIT:
            return TROUBLE
        found.append((rank, value))
    if kind is Kind.MX:
        found.sort()
    values = tuple(value for _, value in found)
    ranks = tuple(rank for rank, _ in found) if kind is Kind.MX else ()
    return Answer(Found.RECORDS, values, ranks, secure, name)


def _value(record: object) -> tuple[int, str]:
    match record:
        case MX():
            return record.preference, _host(record.exchange)
        case PTR() | CNAME():
            return 0, _host(record.target)
        case TLSA():
            return 0, f"{record.usage} {record.selector} {record.mtype} {record.cert.hex()}"
        case SRV():
            return 0, f"{record.priority} {record.weight} {record.port} {_host(record.target)}"
        case TXT():
            return 0, b"".join(record.strings).decode("latin-1")
        case _:
            return 0, str(getattr(record, "address", ""))


def _host(name: dns.name.Name) -> str:
    return b".".join(label for label in name.labels if label).decode("latin-1") or "."
