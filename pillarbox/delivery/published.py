"""What a domain publishes in the DNS so that others believe its mail, and how it is written. Pure.

    record = dkim(domain, selector, public_key)      # Record(name, "TXT", "v=DKIM1; ...")
    print(zone_line(record))                         # as a zone file has it

Names are folded domains, without the last dot.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from pillarbox.filter.auth.dkim.key import PublicKey

STRING = 255  # octets of one string of a TXT record (RFC 1035 3.3)


@dataclass(frozen=True, slots=True)
class Record:
    name: str
    kind: str
    value: str


def dkim(domain: str, selector: str, key: PublicKey) -> Record:
    """RFC 6376 3.6.1, RFC 8463 4."""
    if isinstance(key, Ed25519PublicKey):
        kind, octets = "ed25519", key.public_bytes_raw()
    else:
        kind, octets = "rsa", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    value = f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"
    return Record(f"{selector}._domainkey.{domain}", "TXT", value)


def mta_sts(domain: str, policy: str) -> Record:
    """RFC 8461 3.1: the id changes with the policy, whatever else it says."""
    id = hashlib.sha256(policy.encode()).hexdigest()[:20]
    return Record(f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={id};")


def mta_sts_policy(
    hosts: Iterable[str], mode: Literal["enforce", "testing", "none"] = "enforce", max_age: int = 604_800
) -> str:
    """What is to be found at https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 3.2)."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines)


def tls_reports(domain: str, addresses: Iterable[str]) -> Record:
    """RFC 8460 3: where others send what became of their TLS towards this domain."""
    return Record(
        f"_smtp._tls.{domain}", "TXT", "v=TLSRPTv1; rua=" + ",".join(f"mailto:{each}" for each in addresses)
    )


def tlsa(host: str, certificate: bytes, port: int = 25) -> Record:
    """RFC 7672 3.1.1: DANE-EE(3) SPKI(1) SHA2-256(1) of a certificate in DER. It stays right when the
    certificate is renewed for the same key."""
    key = load_der_x509_certificate(certificate).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Record(f"_{port}._tcp.{host}", "TLSA", f"3 1 1 {hashlib.sha256(octets).hexdigest()}")


def zone_line(record: Record) -> str:
    """The record as a line of a zone file; a long text is several strings."""
    value = record.value
    if record.kind == "TXT":
        strings = [value[at : at + STRING] for at in range(0, len(value), STRING)]
        value = " ".join(f'"{each}"' for each in strings)
    return f"{record.name}. IN {record.kind} {value}"
