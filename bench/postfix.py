"""Postfix from Debian's package in front of Dovecot's LMTP: what Pillarbox does in one program, in two.

Both run privately, Postfix with its own configuration, queue and ports. A message is synced in Postfix' queue
before the reply, and again by Dovecot when it is filed. Nothing judges mail on either side: no SPF, DKIM,
DMARC or milter. `in_flow_delay` is off, which by default holds up clients that are faster than delivery.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bench.servers import HOST, DovecotServer, free_ports

BINARY = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

MAIN = """
compatibility_level = 3.6
myhostname = mx.bench.test
mydestination =
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = static:here
virtual_transport = lmtp:inet:{host}:{lmtp}
transport_maps = inline:{{ {{ sink.test = smtp:[{host}]:{sink} }} }}
smtp_dns_support_level = disabled
in_flow_delay = 0s
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
alias_maps =
"""

MASTER = """
{host}:{smtp} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


def missing() -> str:
    """Why it cannot be run; nothing where it can."""
    if BINARY is None:
        return "Postfix is not installed"
    return "" if os.getuid() == 0 else "Postfix has to be started by root"


class PostfixServer(DovecotServer):
    """As `bench.servers.Server` has it, in the rows of SMTP only."""

    def __init__(self) -> None:
        super().__init__("sdbox")
        self.name = "postfix-dovecot"
        self.rows = ("smtp",)
        self.about = (
            "Postfix and Dovecot from Debian's packages: synced in the queue before the reply, and when"
            " filed; nothing judges mail"
        )
        self.smtp_port, self.sink_port = free_ports(2)
        self.submission_port = self.smtp_port  # loopback may relay
        self._folder = Path(tempfile.mkdtemp(prefix="postfix-bench."))

    def __enter__(self) -> PostfixServer:
        super().__enter__()
        folder = self._folder
        folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        values = {"folder": folder, "host": HOST, "lmtp": self.lmtp_port, "sink": self.sink_port}
        (folder / "etc/main.cf").write_text(MAIN.format(**values))
        (folder / "etc/master.cf").write_text(MASTER.format(host=HOST, smtp=self.smtp_port))
        self._postfix("start")
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((HOST, self.smtp_port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._postfix("stop")
        shutil.rmtree(self._folder, ignore_errors=True)
        super().__exit__()

    def _postfix(self, what: str) -> None:
        assert BINARY is not None
        subprocess.run([BINARY, "-c", str(self._folder / "etc"), what], capture_output=True, timeout=60)
