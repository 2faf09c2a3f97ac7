"""The DNS for `filter/`: questions go to the servers of this machine, or to those of the configuration.

* The four kinds of answers stay apart; what is none of the first three, whatever went wrong, is trouble.
* An answer is kept as long as its TTL says, absence as long as its zone says, and only so many are kept.
* What an answer may hold is bounded; a chain of CNAMEs too (by dnspython, at 16).
"""

import asyncio
from collections.abc import Iterable

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT

from pillarbox.app.config import dns_server
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Kind, Question, records

KEPT = 4096  # answers, of some hundred octets mostly
RECORDS_LIMIT = 100  # of one answer
SIZE_LIMIT = 64 * 1024  # octets of the values of one answer
AT_ONCE = 100  # questions on their way; each has a socket
TRY_SECONDS = 2.0  # for one server to answer
QUESTION_SECONDS = 8.0  # for all servers and tries together


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
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, question: Question) -> Answer:
        labels = [label.encode("ascii") for label in question.name.split(".")]
        try:
            name = dns.name.Name([*labels, b""])
            async with self._turn:
                answer = await self._inner.resolve(name, question.kind.value, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return NO_NAME
        except (dns.exception.DNSException, OSError, ValueError, EOFError):
            return TROUBLE
        if answer.rrset is None:
            return NO_DATA
        return _taken(question.kind, answer.rrset)


def _configured(servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    if not servers:
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            servers = ("127.0.0.1",)
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = [dns.nameserver.Do53Nameserver(*dns_server(text)) for text in servers]
    return made


def _taken(kind: Kind, rrset: object) -> Answer:
    found: list[tuple[int, str]] = []
    size = 0
    assert isinstance(rrset, Iterable)
    for record in rrset:
        rank, value = _value(record)
        if value is None:
            continue
        size += len(value)
        if len(found) == RECORDS_LIMIT or size > SIZE_LIMIT:
            return TROUBLE
        found.append((rank, value))
    if kind is Kind.MX:
        found.sort()
    return records(*(value for _, value in found))


def _value(record: object) -> tuple[int, str | None]:
    match record:
        case MX():
            return record.preference, _host(record.exchange)
        case PTR():
            return 0, _host(record.target)
        case TXT():
            return 0, b"".join(record.strings).decode("latin-1")
        case _:
            return 0, str(getattr(record, "address", ""))


def _host(name: dns.name.Name) -> str | None:
    """None for the root, which says that there is no host (RFC 7505)."""
    return b".".join(label for label in name.labels if label).decode("latin-1") or None
