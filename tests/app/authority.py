"""An authority that speaks ACME: Pebble, on this machine, with the DNS it believes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pillarbox.net import tls

KEY_ID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
PATIENCE = 20.0


@dataclass(frozen=True)
class Authority:
    directory: str
    ca: Path  # who vouches for its own HTTPS
    http_port: int  # where it visits http-01
    dns: str  # where TXT records are set

    def configuration(self, *names: str, more: str = "") -> str:
        return (
            f'[acme]\nnames = {json.dumps(names)}\nagree_to_terms = true\ncontact = "kim@example.test"\n'
            f'directory = "{self.directory}"\nca = "{self.ca}"\nhttp = "127.0.0.1:{self.http_port}"\n{more}'
        )

    def tell_dns(self, what: str, **told: Any) -> None:
        request = urllib.request.Request(f"{self.dns}/{what}", json.dumps(told).encode())
        urllib.request.urlopen(request, timeout=PATIENCE).close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise


@contextmanager
def pebble(
    folder: Path, *, accounts: bool = False, rejects: int = 10, life: int = 90 * 86_400
) -> Iterator[Authority]:
    """`accounts`: only for those it knows (`KEY_ID`, `KEY`). `rejects`: good nonces in a hundred that it does
    not like, which a client has to bear."""
    if shutil.which("pebble") is None or shutil.which("pebble-challtestsrv") is None:
        pytest.skip("pebble is not installed")
    port, management, http, dns, dns_management = (free_port() for _ in range(5))
    certificate, key = folder / "authority.pem", folder / "authority.key"
    tls.write_self_signed(certificate, key, "localhost", datetime.now(UTC))
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http,
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "certificateValidityPeriod": life,
        "externalAccountBindingRequired": accounts,
        "externalAccountMACKeys": {KEY_ID: KEY} if accounts else {},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        subprocess.Popen(
            [
                "pebble-challtestsrv",
                *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
                *("-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}"),
                *("-http01", "", "-https01", "", "-tlsalpn01", ""),
            ],
            **quiet,  # type: ignore[call-overload]
        ) as names,
        subprocess.Popen(
            ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"],
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(rejects)},
            **quiet,  # type: ignore[call-overload]
        ) as authority,
    ):
        try:
            answers(dns_management)
            answers(port)
            yield Authority(
                f"https://localhost:{port}/dir", certificate, http, f"http://127.0.0.1:{dns_management}"
            )
        finally:
            authority.kill()
            names.kill()


def chain_of(port: int, name: str) -> dict[str, Any]:
    """What a server shows to who asks for a name, taken apart."""
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        der = secured.getpeercert(binary_form=True)
    assert der is not None
    parsed = x509.load_der_x509_certificate(der)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        "names": names.get_values_for_type(x509.DNSName),
        "issuer": parsed.issuer.rfc4514_string(),
        "serial": parsed.serial_number,
    }
