"""Dovecot, run privately: the oracle that tests our tests and the other side of every benchmark.

One `Dovecot` is one private instance: its own folder, its own configuration, free ports, and the
processes it started are the only ones it ends. Every address may log in with the one password, and
its mail is made when it first comes in, so a test takes a fresh name where it wants a fresh account.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

BINARY = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
HAS_POP3 = Path("/usr/lib/dovecot/pop3-login").exists()
PASSWORD = "correct-horse"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = {protocols}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
mail_home = {folder}/home/%u
mail_location = {location}
mail_max_userip_connections = 20000
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_format = %Lu
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
passdb {{
  driver = static
  args = password={credential}
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={folder}/home/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Archive {{
    special_use = \\Archive
  }}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
service imap-login {{
  chroot =
  process_limit = 4096
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 4096
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    address = 127.0.0.1
    port = {pop3s}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
  client_limit = 20000
}}
service auth {{
  client_limit = 20000
}}
service stats {{
  client_limit = 20000
  chroot =
}}
lmtp_save_to_detail_mailbox = yes
recipient_delimiter = +
{extra}
"""


@dataclass(frozen=True, slots=True)
class Ports:
    imap: int
    imaps: int
    lmtp: int
    pop3: int  # this and the next are served only if HAS_POP3
    pop3s: int


class Dovecot:
    """A context manager. `kind` is the mail format; `credential` what its password database holds."""

    host = "127.0.0.1"

    def __init__(
        self,
        kind: Literal["sdbox", "maildir"] = "sdbox",
        *,
        credential: str = f"{{PLAIN}}{PASSWORD}",
        extra: str = "",
    ) -> None:
        if BINARY is None:
            raise FileNotFoundError("dovecot is not installed")
        self.kind = kind
        # Not pytest's folders: those are closed to the user who owns the mail.
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot."))
        self.folder.chmod(0o755)
        self.ports = Ports(*_free_ports(5))
        location = "sdbox:~/mail" if kind == "sdbox" else "maildir:~/mail:LAYOUT=fs"
        root = os.geteuid() == 0
        me = _name_of_me()
        home = self.folder / "home"
        home.mkdir()
        if root:
            shutil.chown(home, "mail", "mail")
        _self_signed(self.folder)
        self.configuration = self.folder / "dovecot.conf"
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                location=location,
                credential=credential,
                internal_user="dovecot" if root else me,
                internal_group="dovecot" if root else _group_of_me(),
                login_user="dovenull" if root else me,
                mail_user="mail" if root else me,
                mail_group="mail" if root else _group_of_me(),
                imap=self.ports.imap,
                imaps=self.ports.imaps,
                lmtp=self.ports.lmtp,
                pop3=self.ports.pop3,
                pop3s=self.ports.pop3s,
                protocols="imap lmtp pop3" if HAS_POP3 else "imap lmtp",
                extra=extra,
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dovecot:
        self.start()
        return self

    def start(self) -> None:
        assert BINARY is not None
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [BINARY, "-F", "-c", str(self.configuration)], stdout=output, stderr=output
            )
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection((self.host, self.ports.imap), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "output").read_text(errors="replace")
                    self.__exit__()
                    raise RuntimeError(f"dovecot did not start: {said}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """The mail stays; `start` begins it again."""
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _self_signed(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def _name_of_me() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _group_of_me() -> str:
    import grp

    return grp.getgrgid(os.getegid()).gr_name


URLAUTH = """
imap_urlauth_host = *
mail_attribute_dict = file:%h/attributes
service imap-urlauth-login {
  chroot =
}
"""


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """One Dovecot for the whole run; tests take fresh user names instead of fresh servers."""
    if BINARY is None:
        pytest.skip("Dovecot is not installed")
    with Dovecot(extra=URLAUTH) as server:
        yield server
