"""What binds a connection to the server's certificate: tls-server-end-point (RFC 5929 4).

The binding is a hash of the certificate, by the function its signature was made with. That is all there is to
find out, so the common algorithms are read off the DER here; the library that knows the others would cost
each process 8 MB.
"""

import hashlib
import ssl

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"

# The contents of the OIDs (RFC 8017 A.2.4, RFC 5758 3.2) -> what to hash with.
_PKCS_1, _ECDSA_SHA2 = "2a864886f70d0101", "2a8648ce3d0403"
_FUNCTIONS = {
    # RFC 5929 4.1: MD5 and SHA-1 are replaced by SHA-256
    _PKCS_1 + "04": "sha256",
    _PKCS_1 + "05": "sha256",
    "2a8648ce3d0401": "sha256",
    _PKCS_1 + "0b": "sha256",
    _PKCS_1 + "0c": "sha384",
    _PKCS_1 + "0d": "sha512",
    _PKCS_1 + "0e": "sha224",
    _ECDSA_SHA2 + "01": "sha224",
    _ECDSA_SHA2 + "02": "sha256",
    _ECDSA_SHA2 + "03": "sha384",
    _ECDSA_SHA2 + "04": "sha512",
}


def of(pem: bytes) -> bytes | None:
    """The binding of the first certificate in a file that OpenSSL has taken; None where it is not defined."""
    begin = pem.find(_BEGIN)
    block = pem[begin : pem.find(_END, begin) + len(_END)]
    der = ssl.PEM_cert_to_DER_cert(block.decode("ascii"))
    function = _FUNCTIONS.get(_signature_algorithm(der)) or _other_function(der)
    return hashlib.new(function, der).digest() if function else None


def _signature_algorithm(der: bytes) -> str:
    """RFC 5280 4.1: a certificate is SEQUENCE { tbsCertificate, SEQUENCE { signature OID, ... }, ... }"""
    certificate, _ = _content(der, 0)
    _, after_tbs = _content(der, certificate)
    algorithm, _ = _content(der, after_tbs)
    oid, end = _content(der, algorithm)
    return der[oid:end].hex()


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at `at` begins and ends (X.690 8.1.3)."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin])
    return begin, begin + length


def _other_function(der: bytes) -> str | None:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        function = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    # RFC 5929 4.1: where the signature has no hash function of its own (Ed25519) there is no binding.
    return None if function is None else function.name
