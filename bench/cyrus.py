"""Cyrus IMAP from Debian's packages, run privately beside the others.

Debian lets `cyrus-imapd` and `dovecot-imapd` not be installed together, so its programs may also lie unpacked
somewhere: `apt-get download cyrus-imapd && dpkg -x cyrus-imapd_*.deb FOLDER` with `PILLARBOX_CYRUS=FOLDER`.
`cyrus-common` and `libsasl2-modules-db` (`sasl2-bin` makes the passwords) have to be installed in any case.
Its master has to be started by root and becomes the user `cyrus`.
"""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from bench.servers import BIG, HOST, free_ports, imap, wait_until_listening
from pillarbox.net.tls import write_self_signed
from tests.oracle import PASSWORD

PROGRAMS = Path(os.environ.get("PILLARBOX_CYRUS", "/")) / "usr/lib/cyrus/bin"

IMAPD = """
configdirectory: {folder}/conf
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
lmtpsocket: {folder}/run/lmtp
idlesocket: {folder}/run/idle
notifysocket: {folder}/run/notify
defaultpartition: default
partition-default: {folder}/mail
altnamespace: yes
unixhierarchysep: yes
virtdomains: userid
defaultdomain: none.test
loginrealms: bench.test
username_tolower: yes
autocreate_quota: 0
autocreate_post: yes
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
tls_server_cert: {folder}/cert.pem
tls_server_key: {folder}/key.pem
"""

MASTER = """
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {folder}/imapd.conf -U 30" listen="{host}:{imap}" prefork=1 maxchild=4000
  imaps cmd="{programs}/imapd -C {folder}/imapd.conf -s -U 30" listen="{host}:{imaps}" prefork=0 maxchild=4000
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -C {folder}/imapd.conf -a" listen="{host}:{lmtp}" prefork=0 maxchild=40
}}
DAEMON {{
  idled cmd="{programs}/idled -C {folder}/imapd.conf"
}}
EVENTS {{
}}
"""


def missing() -> str:
    """Why it cannot be run; nothing where it can."""
    if not (PROGRAMS / "imapd").exists() or shutil.which("cyrmaster") is None:
        return "Cyrus is not installed"
    if os.getuid() != 0:
        return "Cyrus has to be started by root"
    if shutil.which("saslpasswd2") is None:
        return "sasl2-bin is not installed"
    return ""


class CyrusServer:
    """As `bench.servers.Server` has it."""

    name = "cyrus"
    smtp_port = submission_port = sink_port = 0
    about = (
        "Cyrus from Debian's packages, its defaults; a message is synced before the reply; passwords plain"
    )
    big = BIG
    # Not those of push, memory, fairness and cold starts: they stand on how Dovecot's processes are set up.
    rows: tuple[str, ...] = (
        *("multiappend", "append", "lmtp", "select", "fetch", "store", "search", "sort", "thread"),
        *("copy", "move", "expunge", "noop", "login"),
    )

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cyrus-bench."))
        self.mail = self.folder / "mail"
        self.imap_port, self.imaps_port, self.lmtp_port = free_ports(3)
        self.pop3_port = 0
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("mail", "run/proc", "run/lock", "conf/db", "conf/socket", "conf/user", "conf/proc"):
            (self.folder / name).mkdir(parents=True)
        write_self_signed(
            self.folder / "cert.pem",
            self.folder / "key.pem",
            "localhost",
            datetime.datetime.now(datetime.UTC),
        )
        (self.folder / "imapd.conf").write_text(IMAPD.format(folder=self.folder))
        ports = {"imap": self.imap_port, "imaps": self.imaps_port, "lmtp": self.lmtp_port}
        (self.folder / "cyrus.conf").write_text(
            MASTER.format(folder=self.folder, programs=PROGRAMS, host=HOST, **ports)
        )

    def __enter__(self) -> CyrusServer:
        self.ensure(["nobody@bench.test"])
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        files = ["-C", f"{self.folder}/imapd.conf", "-M", f"{self.folder}/cyrus.conf"]
        self.process = subprocess.Popen(
            ["cyrmaster", *files, "-p", f"{self.folder}/master.pid", "-D"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_listening(self.process, self.imap_port)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def ensure(self, users: list[str]) -> None:
        for user in users:
            name, _, realm = user.partition("@")
            command = ["saslpasswd2", "-p", "-c", "-f", str(self.folder / "sasldb2"), "-u", realm, name]
            subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True)
        subprocess.run(["chown", "-R", "cyrus:mail", str(self.folder)], check=True)
        if self.process is not None:
            for user in users:
                imap(self, user).close()  # mail for an account that has never logged in would be refused

    def index(self, user: str) -> None:
        """Its index for searches (squatter, xapian) is not made by itself: it is measured as it comes."""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid
