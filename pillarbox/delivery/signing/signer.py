"""Signatures over what goes out.

    signing = signer.begin()
    signing.feed(piece)                  # content as it will be sent, piece by piece
    fields = await signing.fields()      # what goes before it: b"" where nobody signs for its author

A body is hashed as it passes, and not a byte of it is changed or kept. What goes wrong is reported, and the
message goes without a signature: mail that is not signed is worth more than mail that is not sent.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from pillarbox.delivery.signing.keys import Keys
from pillarbox.filter.auth.arc.chain import Arc
from pillarbox.filter.auth.arc.seal import seal
from pillarbox.filter.auth.dkim import sign
from pillarbox.filter.auth.dkim.body import Hashed
from pillarbox.filter.auth.dkim.key import algorithm_of
from pillarbox.filter.auth.dkim.signature import RSA
from pillarbox.filter.auth.fields import Field
from pillarbox.filter.auth.results import Method
from pillarbox.filter.auth.streamed import Streamed
from pillarbox.identity.addresses import fold_domain
from pillarbox.message.addresses import addresses

HEADER_LIMIT = 512 * 1024  # octets; more than a submission's header may have


class Signer:
    """`ours`: the domain of ours that signs for a (folded) one, None where none does. `hostname` is our name
    in what we write."""

    def __init__(
        self,
        keys: Keys,
        ours: Callable[[str], str | None],
        *,
        hostname: str,
        clock: Callable[[], float],
        report: Callable[[BaseException], object],
    ) -> None:
        self.keys = keys
        self._ours = ours
        self._hostname = hostname
        self._clock = clock
        self._report = report
        self._making: set[str] = set()

    def begin(self) -> "Signing":
        return Signing(self)

    async def signed(self, raw: bytes) -> bytes:
        """A small message of our own, with its signatures before it."""
        signing = self.begin()
        signing.feed(raw)
        return await signing.fields() + raw

    async def fields(self, header: Sequence[Field], body: Hashed) -> bytes:
        """DKIM-Signature fields, one of each algorithm (RFC 8463 3): whoever knows only one finds it."""
        try:
            domain = self._ours(_author(header))
            if domain is None:
                return b""
            keys = self.keys.signing(domain)
            if not keys and not self.keys.has(domain):
                await self._make(domain)
            now = self._clock()
            return b"".join(
                sign.sign(header, body, domain=domain, selector=selector, key=key, now=now)
                for selector, key in keys
            )
        except Exception as error:
            self._report(error)
            return b""

    def seal(
        self, by: str, header: Sequence[Field], body: Hashed, arc: Arc, methods: Iterable[Method]
    ) -> bytes:
        """The ARC fields of a message that `by`, an address of ours, sends on (RFC 8617 5.1)."""
        try:
            domain = self._ours(fold_domain(by.rpartition("@")[2]))
            if domain is None:
                return b""
            # RFC 8617 has one algorithm that everybody knows.
            rsa = [each for each in self.keys.signing(domain) if algorithm_of(each[1]) == RSA]
            if not rsa:
                return b""
            selector, key = rsa[0]
            made = seal(
                *(header, body, arc, methods),
                authserv_id=self._hostname,
                domain=domain,
                selector=selector,
                key=key,
                now=self._clock(),
            )
            return made or b""
        except Exception as error:
            self._report(error)
            return b""

    async def _make(self, domain: str) -> None:
        """The first keys of a domain. They sign once they have been published."""
        if domain not in self._making:
            self._making.add(domain)
            try:
                await asyncio.to_thread(self.keys.begin, domain, self._clock())
            finally:
                self._making.discard(domain)


class Signing:
    """One message that streams by."""

    __slots__ = ("_by", "_done", "_streamed")

    def __init__(self, by: Signer) -> None:
        self._by = by
        self._streamed = Streamed(lambda fields: (sign.FORM,), HEADER_LIMIT)
        self._done: bytes | None = None

    def feed(self, piece: bytes) -> None:
        self._streamed.feed(piece)

    async def fields(self) -> bytes:
        """After all content was fed; always the same ones."""
        if self._done is None:
            body = self._streamed.hashes().get(sign.FORM)
            self._done = b"" if body is None else await self._by.fields(self._streamed.fields(), body)
        return self._done


def _author(header: Sequence[Field]) -> str:
    """The (folded) domain of the first author."""
    for field in header:
        if field.name == b"from":
            for each in addresses(field.value):
                if each.mailbox and each.host:
                    return fold_domain(each.host.decode(errors="replace"))
    return ""
