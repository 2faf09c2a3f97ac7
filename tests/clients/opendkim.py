"""OpenDKIM, run privately: what Postfix signs with, and what it thinks of the signatures of others.

It knows the DNS from a file, signs what comes from 127.0.0.1, and verifies what comes from elsewhere.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

BINARY = shutil.which("opendkim", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIGURATION = """
Mode sv
Socket inet:{port}@127.0.0.1
Domain {domain}
Selector {selector}
KeyFile {folder}/key
TestDNSData file:{folder}/dns
InternalHosts 127.0.0.1
AuthservID {name}
AlwaysAddARHeader yes
RequireSafeKeys no
Canonicalization relaxed/relaxed
Syslog no
"""


class OpenDkim:
    """A context manager. `dns`: names of keys -> their records."""

    def __init__(
        self, domain: str, selector: str, key: RSAPrivateKey, dns: Mapping[str, str], name: str
    ) -> None:
        if BINARY is None:
            pytest.skip("OpenDKIM is not installed")
        self._temporary = tempfile.TemporaryDirectory(prefix="opendkim-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (self._folder / "key").write_bytes(pem)
        (self._folder / "dns").write_text("".join(f"{name} {text}\n" for name, text in dns.items()))
        self._configuration = self._folder / "conf"
        values = {"port": self.port, "domain": domain, "selector": selector, "folder": self._folder}
        self._configuration.write_text(CONFIGURATION.format(**values, name=name))

    def __enter__(self) -> OpenDkim:
        assert BINARY is not None
        self._process = subprocess.Popen(
            [BINARY, "-f", "-x", str(self._configuration)], stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError(self._process.communicate()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)
        self._temporary.cleanup()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
