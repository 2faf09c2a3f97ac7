"""DANE for SMTP (RFC 7672): TLSA records, and whether the certificates of a host fit them.

    records = await find(resolve, host, port)     # None: the host has none; Unusable: nobody can say
    wrong = misfit(records, chain, names, now)    # None where it fits

Only what DNSSEC vouches for counts, which the answers of the resolver say. Of usages only DANE-TA(2) and
DANE-EE(3) mean anything here (RFC 7672 3.1.3). A host whose records are all of other kinds gets TLS, and
nobody can authenticate it (RFC 7672 2.2).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, DNSName, load_der_x509_certificate
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from pillarbox.delivery.outbound.hosts import Host
from pillarbox.filter.dns import Found, Kind, Question, Resolve, is_name

TA, EE = 2, 3
CHAIN_LIMIT = 10  # certificates of one host


class Unusable(Exception):
    """Whether the host has records cannot be found out: no mail goes there now (RFC 7672 2.1.2)."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """RFC 6698 2.1. `text` is its presentation format."""

    usage: int
    selector: int
    matching: int
    octets: bytes
    text: str = ""

    @property
    def is_usable(self) -> bool:
        lengths = {1: 32, 2: 64}
        return (
            self.usage in (TA, EE)
            and self.selector in (0, 1)
            and self.matching in (0, 1, 2)
            and len(self.octets) == lengths.get(self.matching, len(self.octets))
            and bool(self.octets)
        )

    def fits(self, certificate: Certificate) -> bool:
        if self.selector == 0:
            octets = certificate.public_bytes(Encoding.DER)
        else:
            key = certificate.public_key()
            octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if self.matching == 1:
            octets = hashlib.sha256(octets).digest()
        elif self.matching == 2:
            octets = hashlib.sha512(octets).digest()
        return octets == self.octets


def parse(text: str) -> Tlsa | None:
    words = text.split(None, 3)
    try:
        usage, selector, matching = map(int, words[:3])
        return Tlsa(usage, selector, matching, bytes.fromhex(words[3]), text)
    except (ValueError, IndexError):
        return None


async def find(resolve: Resolve, host: Host, port: int) -> tuple[str, tuple[Tlsa, ...]] | None:
    """The TLSA base domain and what is published there (RFC 7672 2.2.2, 2.2.3)."""
    if not host.secure:
        return None
    for base in dict.fromkeys((host.full_name, host.name)):
        name = f"_{port}._tcp.{base}"
        if not is_name(name):
            continue
        answer = await resolve(Question(name, Kind.TLSA))
        if answer.found is Found.TROUBLE:
            raise Unusable(f"{name} cannot be looked up")
        if answer.values and answer.secure:
            return base, tuple(filter(None, map(parse, answer.values)))
    return None


def misfit(
    records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: float
) -> tuple[str, str] | None:
    """Why the certificates, the host's own first, prove nothing: a result type of RFC 8460 4.3 and words.
    `names`: what the host may be called (RFC 7672 3.2.2)."""
    try:
        certificates = [load_der_x509_certificate(octets) for octets in chain[:CHAIN_LIMIT]]
        if not certificates:
            return "validation-failure", "the host has no certificate"
        # RFC 7672 3.1.1: neither name nor time of the host's own certificate matters then.
        if any(each.usage == EE and each.fits(certificates[0]) for each in records):
            return None
        wrong: tuple[str, str] | None = ("validation-failure", "no certificate fits the TLSA records")
        for anchor in [
            anchor for each in records if each.usage == TA for anchor in _anchors(each, certificates)
        ]:
            wrong = _unverified(anchor, certificates, names, now)
            if wrong is None:
                break
        return wrong
    except (ValueError, UnsupportedAlgorithm) as error:
        return "validation-failure", f"a certificate cannot be read: {error}"


def _anchors(record: Tlsa, certificates: Sequence[Certificate]) -> list[Certificate]:
    """Those among the certificates of the host, which must send it (RFC 7672 3.1.2), or the record itself."""
    found = [each for each in certificates[1:] if record.fits(each)]
    if not found and (record.selector, record.matching) == (0, 0):
        found = [load_der_x509_certificate(record.octets)]
    return found


def _unverified(
    anchor: Certificate, certificates: Sequence[Certificate], names: Sequence[str], now: float
) -> tuple[str, str] | None:
    at = datetime.fromtimestamp(now, UTC)
    own = certificates[0]
    if not own.not_valid_before_utc <= at <= own.not_valid_after_utc:
        return "certificate-expired", "the certificate is not valid at this time"
    builder = PolicyBuilder().store(Store([anchor])).time(at)
    reason = ""
    for name in names:
        try:
            builder.build_server_verifier(DNSName(name)).verify(own, list(certificates[1:]))
            return None
        except (VerificationError, ValueError) as error:
            reason = reason or str(error)
    mismatch = "subject" in reason.lower() or "name" in reason.lower()
    return "certificate-host-mismatch" if mismatch else "certificate-not-trusted", reason
