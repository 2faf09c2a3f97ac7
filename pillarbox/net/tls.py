"""TLS: contexts, the handshake as the driver needs it, and a certificate to begin with."""

import asyncio
import datetime
import ipaddress
import os
import ssl
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pillarbox.net import end_point

HANDSHAKE_TIMEOUT = 30.0  # seconds; a slow phone takes two
WRITE_HIGH = 64 * 1024  # as on a plain transport; uvloop's own is 512 KiB a connection under TLS
VALIDITY = datetime.timedelta(days=824)  # Apple's clients refuse server certificates that live longer


# RFC 9325 4.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, with those that vouch for it, and its key, both PEM: read once, so that all who use
    them use the same. `names`: the hosts it is for, where somebody has to know."""

    certificate: bytes
    key: bytes
    names: tuple[str, ...] = ()


def read_pair(certificate: Path, key: Path, *, named: bool = False) -> Pair:
    """OSError when they cannot be read, or do not make a certificate and its key."""
    pair = Pair(certificate.read_bytes(), key.read_bytes())
    server_context(pair)
    return replace(pair, names=_names(pair.certificate)) if named else pair


class ServerContext(ssl.SSLContext):
    """A context that knows what its certificate binds a connection to."""

    end_point: bytes | None = None


def server_context(pair: Pair, alpn: tuple[str, ...] = (), client_ca: bytes = b"") -> ServerContext:
    """RFC 8314 4.1, RFC 8996, RFC 9051 11.1: TLS 1.2 or later. A client that offers other ALPN names only is
    not turned away. With `client_ca` clients may show a certificate, which has to be good then."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Mail clients often just hang up; every protocol here has its own goodbye, so that is no truncation.
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if client_ca:
        with _path(client_ca) as file:
            context.load_verify_locations(cafile=file)
        context.verify_mode = ssl.CERT_OPTIONAL
    with _path(pair.certificate) as certificate, _path(pair.key) as key:
        # A key under a passphrase is no good here; without this OpenSSL asks for it on the terminal.
        context.load_cert_chain(certificate, key, password="")
    context.end_point = end_point.of(pair.certificate)
    return context


def _names(certificate: bytes) -> tuple[str, ...]:
    # Here, because only servers with several certificates need it, and only their parent.
    from cryptography import x509

    parsed = x509.load_pem_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


@contextmanager
def _path(octets: bytes) -> Iterator[str]:
    """OpenSSL is given files only. Where it can be, this one is in memory: a key is copied to no disk, and
    a full disk is no obstacle."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("pem"), "wb") as file:
            file.write(octets)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(octets)
            file.flush()
            yield file.name


def upgrading(
    context: Callable[[], ssl.SSLContext] | None,
) -> Callable[[asyncio.Transport, asyncio.Protocol], Awaitable[asyncio.Transport]]:
    """The server's side of a handshake on a plain transport: the transport to go on with, or OSError."""

    async def upgrade(transport: asyncio.Transport, protocol: asyncio.Protocol) -> asyncio.Transport:
        if context is None:
            raise ConnectionAbortedError("this listener has no certificate")
        secured = await asyncio.get_running_loop().start_tls(
            transport, protocol, context(), server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
        )
        if secured is None:
            raise ConnectionResetError("gone during the handshake")
        secured.set_write_buffer_limits(high=WRITE_HIGH)
        return secured

    return upgrade


def end_point_of(transport: asyncio.Transport) -> bytes | None:
    """Of the certificate that was shown on it."""
    tls = transport.get_extra_info("ssl_object")
    return getattr(tls.context, "end_point", None) if tls is not None else None


def feed(transport: asyncio.Transport, octets: bytes) -> None:
    """Give a handshake that has begun on `transport` what had been read before it began."""
    handshake = cast(asyncio.BufferedProtocol, transport.get_protocol())
    while octets and not transport.is_closing():
        buffer = memoryview(handshake.get_buffer(len(octets)))
        count = min(len(buffer), len(octets))
        buffer[:count] = octets[:count]
        handshake.buffer_updated(count)
        octets = octets[count:]


def self_signed(hostname: str, now: datetime.datetime) -> tuple[bytes, bytes]:
    """A certificate and its key, both PEM, for `hostname` and this machine's own names."""
    # Here, because each process would carry 8 MB that only a server's first start needs.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names = [x509.DNSName(each) for each in dict.fromkeys((_ascii(hostname), "localhost"))]
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def write_self_signed(certificate: Path, key: Path, hostname: str, now: datetime.datetime) -> None:
    """`self_signed` as two new files; the key is nobody else's to read at any moment."""
    certificate_pem, key_pem = self_signed(hostname, now)
    for path, pem, mode in ((key, key_pem, 0o600), (certificate, certificate_pem, 0o644)):
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)


def _ascii(hostname: str) -> str:
    return hostname if hostname.isascii() else hostname.encode("idna").decode("ascii")
