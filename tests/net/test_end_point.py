"""The binding to a certificate, against the library that knows certificates."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from pillarbox.net import end_point

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.test")])
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(key, algorithm, **more) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, algorithm, **more)
    )


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("algorithm", [hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_hash_is_that_of_the_signature(rsa_key, algorithm) -> None:
    # RFC 5929 4.1
    for key in (rsa_key, ec.generate_private_key(ec.SECP256R1())):
        made = certificate(key, algorithm)
        assert end_point.of(pem(made)) == hashlib.new(algorithm.name, der(made)).digest()


def test_a_signature_whose_hash_is_a_parameter(rsa_key) -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    made = certificate(rsa_key, hashes.SHA384(), rsa_padding=pss)
    assert end_point.of(pem(made)) == hashlib.sha384(der(made)).digest()


def test_a_signature_without_a_hash_binds_to_nothing() -> None:
    assert end_point.of(pem(certificate(ed25519.Ed25519PrivateKey.generate(), None))) is None


def test_the_first_certificate_of_a_chain_counts(rsa_key) -> None:
    made = certificate(rsa_key, hashes.SHA256())
    other = certificate(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    assert end_point.of(b"# leaf\n" + pem(made) + pem(other)) == hashlib.sha256(der(made)).digest()
