"""What other people's test suites get."""

import imaplib
import os
import poplib
import re
import smtplib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.model.errors import Refused
from pillarbox.testing import MailServer

ADDRESS, PASSWORD = "kim@example.test", "secret"


def subjects(imap: imaplib.IMAP4) -> list[bytes]:
    imap.select("INBOX", readonly=True)
    _, data = imap.search(None, "ALL")
    numbers = data[0].split()
    found = [
        imap.fetch(number.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1] for number in numbers
    ]
    return [field.strip() for field in found]


def test_the_readme_says_what_works() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, object] = {}
    exec(program, names)
    assert isinstance(names["imap"], imaplib.IMAP4)
    names["imap"].shutdown()


def test_deliver_and_read(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    mail_server.deliver(ADDRESS, b"Subject: one\n\nx\n")
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap:
        imap.login(ADDRESS, PASSWORD)
        assert subjects(imap) == [b"Subject: one"]


def test_tls_with_the_servers_own_certificate(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    context = ssl.create_default_context(cafile=mail_server.certificate)
    with imaplib.IMAP4_SSL("localhost", mail_server.imaps_port, ssl_context=context) as imap:
        imap.login(ADDRESS, PASSWORD)
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap:
        imap.starttls(context)
        imap.login(ADDRESS, PASSWORD)


def test_lmtp(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    with smtplib.LMTP(mail_server.host, mail_server.lmtp_port) as lmtp:
        lmtp.sendmail("ada@example.test", [ADDRESS], b"Subject: by LMTP\r\n\r\nx\r\n")
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap:
        imap.login(ADDRESS, PASSWORD)
        assert subjects(imap) == [b"Subject: by LMTP"]


def test_pop3(mail_server: MailServer) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    mail_server.deliver(ADDRESS, b"Subject: one\n\nx\n")
    context = ssl.create_default_context(cafile=mail_server.certificate)
    plain = poplib.POP3(mail_server.host, mail_server.pop3_port)
    secure = poplib.POP3_SSL("localhost", mail_server.pop3s_port, context=context)
    for pop in (plain, secure):
        pop.user(ADDRESS)
        pop.pass_(PASSWORD)
        assert b"Subject: one" in pop.retr(1)[1]
        pop.quit()


def test_servers_do_not_share_anything() -> None:
    with MailServer() as one, MailServer() as two:
        one.add_account(ADDRESS, PASSWORD)
        two.add_account(ADDRESS, "other")
        assert len({one.imap_port, two.imap_port, one.imaps_port, two.imaps_port}) == 4
        one.check()
        two.check()


def test_nothing_stays_behind() -> None:
    with MailServer() as server:
        data, port = server.data, server.imap_port
        assert data.is_dir()
    assert not data.exists()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_mistakes_are_the_callers_to_see(mail_server: MailServer) -> None:
    with pytest.raises(Refused):
        mail_server.add_account("no address", PASSWORD)
    with pytest.raises(Refused):
        mail_server.deliver("nobody@example.test", b"")


def test_check_notices_what_went_wrong_inside() -> None:
    with MailServer() as server:
        server.errors.append(ValueError("a bug"))
        with pytest.raises(AssertionError, match="1 sessions failed"):
            server.check()


def test_several_workers() -> None:
    with MailServer(workers=2) as server:
        workers = server.workers
        assert sorted(workers) == [1, 2]
        server.add_account(ADDRESS, PASSWORD)
        server.deliver(ADDRESS, b"Subject: one\n\nx\n")
        with imaplib.IMAP4(server.host, server.imap_port) as imap:
            imap.login(ADDRESS, PASSWORD)
            assert subjects(imap) == [b"Subject: one"]
        server.check()
    for pid in workers.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_goes_wrong_in_a_worker_is_noticed_too() -> None:
    with MailServer(workers=2) as server:
        with (server.data.parent / "log").open("a") as output:  # where the workers' log goes
            output.write('{"event": "fault", "worker": 1}\n')
        with pytest.raises(AssertionError, match="1 sessions failed"):
            server.check()


def test_the_plugin_imports_no_server() -> None:
    program = (
        "import sys, pillarbox.testing.fixture, pillarbox.testing\n"
        "print([name for name in sys.modules if name.startswith(('pillarbox.', 'uvloop', 'apsw'))])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.decode().strip() == "['pillarbox.testing', 'pillarbox.testing.fixture']"
