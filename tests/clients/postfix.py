"""Postfix, run privately: a neighbour that is no program of ours.

One `Postfix` has its own folder, configuration, queue and port, and is the only one it stops. It has to be
begun by root, because its processes change to its own user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pillarbox.net.tls import write_self_signed

BINARY = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ADDRESS = "127.0.0.21"
DOMAIN = "pf.test"

MAIN = """
compatibility_level = 3.6
myhostname = mx.pf.test
mydestination =
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ kim@{domain} = kim/ }} }}
virtual_alias_domains =
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_transport = virtual
transport_maps = inline:{{ {routes} }}
smtp_bind_address = {address}
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/key.pem, {folder}/cert.pem
smtpd_tls_received_header = yes
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
alias_maps =
smtpd_peername_lookup = no
"""

SERVICES = """
{address}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A context manager; `port` is where it listens and where it finds the others, by `routes` from their
    domains to their addresses. `more`: further lines of its configuration."""

    def __init__(self, port: int, routes: Mapping[str, str] | None = None, more: str = "") -> None:
        if BINARY is None:
            pytest.skip("Postfix is not installed")
        if os.geteuid() != 0:
            pytest.skip("Postfix is begun by root only")
        self.port = port
        self._routes = routes or {"one.test": "127.0.0.11"}
        self._more = more
        self._temporary = tempfile.TemporaryDirectory(prefix="postfix-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)

    def __enter__(self) -> Postfix:
        folder = self.folder
        folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        user = owner.pw_uid, owner.pw_gid
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir()
        for name in ("data", "mail"):
            os.chown(folder / name, *user)
        write_self_signed(folder / "cert.pem", folder / "key.pem", f"mx.{DOMAIN}", datetime.now(UTC))
        values = {"folder": folder, "address": ADDRESS, "domain": DOMAIN, "port": self.port}
        routes = [f"{{ {domain} = smtp:[{to}]:{self.port} }}" for domain, to in self._routes.items()]
        main = MAIN.format(**values, routes=", ".join(routes), uid=user[0], gid=user[1])
        (folder / "etc/main.cf").write_text(main + self._more)
        (folder / "etc/master.cf").write_text(SERVICES.format(**values))
        self._postfix("start")
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, self.log()
        return self

    def __exit__(self, *_: object) -> None:
        self._postfix("stop")
        self._temporary.cleanup()

    def letters(self, count: int) -> list[bytes]:
        """What kim got, once there is so much."""
        deadline = time.monotonic() + 30
        while len(found := list(self.folder.glob("mail/kim/new/*"))) < count:
            assert time.monotonic() < deadline, self.log()
        return [path.read_bytes() for path in found]

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def _postfix(self, what: str) -> None:
        assert BINARY is not None
        done = subprocess.run(
            [BINARY, "-c", str(self.folder / "etc"), what], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr + self.log()

    def _answers(self) -> bool:
        try:
            with socket.create_connection((ADDRESS, self.port), timeout=1) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False
