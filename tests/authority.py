"""Certificates for tests: an authority, and what it signs."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)


@dataclass
class Issued:
    """A certificate with its key; `chain` are those after it."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> list[bytes]:
        return [each.public_bytes(Encoding.DER) for each in (self.certificate, *self.chain)]

    def context(self, folder: Path) -> ssl.SSLContext:
        """For a server."""
        path = folder / f"{id(self)}.pem"
        pem = [self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]
        pem += [each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain)]
        path.write_bytes(b"".join(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """The record that this certificate fits."""
        octets = self.certificate.public_bytes(Encoding.DER)
        if selector == 1:
            octets = self.certificate.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
        if matching:
            octets = hashlib.new({1: "sha256", 2: "sha512"}[matching], octets).digest()
        return f"{usage} {selector} {matching} {octets.hex()}"


class Authority:
    def __init__(self, name: str = "Test authority") -> None:
        self.key = generate_private_key(SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._built(self.name, self.key, 365, ca=True)

    def issue(self, *names: str, days: int = 30) -> Issued:
        key = generate_private_key(SECP256R1())
        certificate = self._built(x509.Name([]), key, days, names)
        return Issued(certificate, key, (self.certificate,))

    @property
    def own(self) -> Issued:
        return Issued(self.certificate, self.key)

    def context(self) -> ssl.SSLContext:
        """For a client that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.public_bytes(Encoding.DER))
        return context

    def _built(
        self,
        subject: x509.Name,
        key: EllipticCurvePrivateKey,
        days: int,
        names: tuple[str, ...] = (),
        ca: bool = False,
    ) -> x509.Certificate:
        ends = NOW + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(NOW, ends) - timedelta(days=10))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca, None), True)
            .add_extension(
                x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True
            ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        return builder.sign(self.key, SHA256())
