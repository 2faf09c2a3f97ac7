"""The helpdesk in somebody's mail: by every protocol and mechanism, and in the audit log."""

import imaplib
import poplib
import smtplib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from scramp import ScramClient

from pillarbox.app.config import Auth, Config
from pillarbox.testing.server import MailServer
from tests.app.test_abuse import asking, until
from tests.clients.test_scram import log_in
from tests.web.browser import Browser
from tests.web.conftest import CONFIG

HELP, KIM = "help@staff.test", "kim@example.test"
SECRET, OWN = "the master's own", "kim's own"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer(Config(auth=Auth(masters={HELP: ("example.test",)}))) as server:
        for name, password in ((HELP, SECRET), (KIM, OWN), ("eve@else.test", OWN)):
            server.add_account(name, password)
        server.deliver(KIM, b"Subject: for kim\n\nx\n")
        yield server
        server.check()


def messages(client: imaplib.IMAP4) -> int:
    return int(client.select()[1][0] or b"0")


def quoted(name: str) -> str:
    return f'"{name}"'  # imaplib does it for passwords alone


def test_imap_by_a_name_of_both(server) -> None:
    with imaplib.IMAP4(server.host, server.imap_port) as client:
        client.login(quoted(f"{KIM}*{HELP}"), SECRET)
        assert messages(client) == 1


def test_imap_by_the_authorization_identity(server) -> None:
    with imaplib.IMAP4(server.host, server.imap_port) as client:
        client.authenticate("PLAIN", lambda _: f"{KIM}\0{HELP}\0{SECRET}".encode())
        assert messages(client) == 1


def test_scram_by_a_name_of_both(server) -> None:
    with imaplib.IMAP4(server.host, server.imap_port) as client:
        assert "AUTH=SCRAM-SHA-256" in client.capabilities
        log_in(client, ScramClient(["SCRAM-SHA-256"], f"{KIM}*{HELP}", SECRET))
        assert messages(client) == 1


def test_pop3(server) -> None:
    client = poplib.POP3(server.host, server.pop3_port)
    client.user(f"{KIM}*{HELP}")
    assert client.pass_(SECRET).startswith(b"+OK 1 messages")
    client.quit()


def test_submission(server) -> None:
    with smtplib.SMTP(server.host, server.submission_port) as client:
        client.login(f"{KIM}*{HELP}", SECRET)


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        (f"eve@else.test*{HELP}", SECRET, "AUTHORIZATIONFAILED"),
        (f"{HELP}*{KIM}", OWN, "AUTHORIZATIONFAILED"),
        (f"{KIM}*{HELP}", OWN, "AUTHENTICATIONFAILED"),
        (f"{KIM}*", SECRET, "AUTHENTICATIONFAILED"),
    ],
)
def test_who_may_not(server, name, password, code) -> None:
    client = imaplib.IMAP4(server.host, server.imap_port)
    with client, pytest.raises(imaplib.IMAP4.error, match=code):
        client.login(quoted(name), password)


def test_both_names_are_in_the_audit_log(server, tmp_path, monkeypatch, capsys) -> None:
    test_imap_by_a_name_of_both(server)
    ask: Any = asking(server, tmp_path, monkeypatch, capsys)
    under_user = until(lambda: ask("audit", "--account", KIM, "--event", "login"))
    assert under_user[-1]["detail"] == f"by the master {HELP}"
    assert ask("audit", "--account", HELP, "--event", "login")[-1]["detail"] == f"as {KIM}"


def test_it_is_off_by_default() -> None:
    with MailServer() as server:
        for name, password in ((HELP, SECRET), (KIM, OWN)):
            server.add_account(name, password)
        with imaplib.IMAP4(server.host, server.imap_port) as client:
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                client.login(quoted(f"{KIM}*{HELP}"), SECRET)
            with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
                client.authenticate("PLAIN", lambda _: f"{KIM}\0{HELP}\0{SECRET}".encode())
        server.check()


def test_a_master_does_not_sign_in_as_somebody() -> None:
    """What the account page gives, app passwords and passkeys, would outlast his being a master."""
    config = msgspec.structs.replace(CONFIG, auth=Auth(masters={HELP: ("example.test",)}))
    with MailServer(config) as server:
        for name, password in ((HELP, SECRET), (KIM, OWN)):
            server.add_account(name, password)
        with Browser(server) as browser:
            assert browser.sign_in(f"{KIM}*{HELP}", SECRET).status_code == 403
            assert not browser.is_signed_in
            browser.sign_in(HELP, SECRET)
            assert browser.is_signed_in
        server.check()
