"""Tokens with independent clients: curl, IMAPClient, imaplib, poplib, smtplib, msmtp."""

import imaplib
import json
import poplib
import smtplib
import ssl
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from pillarbox.app.config import Config, Listen
from pillarbox.testing.server import MailServer
from tests.clients.conftest import program
from tests.web.browser import KIM, PASSWORD, Browser, Program

LETTER = b"From: kim@example.test\r\nTo: kim@example.test\r\nSubject: by a token\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer(Config(listen=Listen(https="127.0.0.1:0"))) as running:
        running.add_account(KIM, PASSWORD)
        running.deliver(KIM, LETTER)
        yield running
        running.check()


@pytest.fixture(scope="module")
def token(server: MailServer) -> str:
    """As a program gets it."""
    with Browser(server) as browser:
        asking = Program(browser)
        return str(asking.exchange(asking.code(scope="imap pop smtp")).json()["access_token"])


@pytest.fixture(scope="module")
def context(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.certificate)


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize("protocol", ["imaps", "pop3s", "smtps"])
def test_curl(server: MailServer, token: str, tmp_path: Path, protocol: str, mechanism: str) -> None:
    port = {"imaps": server.imaps_port, "pop3s": server.pop3s_port, "smtps": server.submissions_port}[
        protocol
    ]
    path = {"imaps": "/INBOX;MAILINDEX=1;SECTION=TEXT", "pop3s": "/1", "smtps": "/client.example.test"}[
        protocol
    ]
    (tmp_path / "letter").write_bytes(LETTER)
    more = ["--mail-from", KIM, "--mail-rcpt", KIM, "-T", "letter"] if protocol == "smtps" else []
    command = [
        *(program("curl"), "-sS", "--user", KIM, "--login-options", f"AUTH={mechanism}", "--oauth2-bearer"),
        *(token, "--cacert", str(server.certificate), "--sasl-ir", *more),
        f"{protocol}://localhost:{port}{path}",
    ]
    for each in (command, [part for part in command if part != "--sasl-ir"]):
        said = subprocess.run(each, cwd=tmp_path, capture_output=True, timeout=30)
        assert said.returncode == 0, said.stderr
        assert protocol == "smtps" or b"hello" in said.stdout
    command[command.index(token)] = "wrong"
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30)
    assert said.returncode == 67, said.stderr  # CURLE_LOGIN_DENIED


def test_imapclient(server: MailServer, token: str, context: ssl.SSLContext) -> None:
    for mechanism in ("oauth2_login", "oauthbearer_login"):
        with IMAPClient("localhost", server.imaps_port, ssl_context=context) as client:
            getattr(client, mechanism)(KIM, token)
            assert client.select_folder("INBOX")[b"EXISTS"] >= 1
        with IMAPClient("localhost", server.imaps_port, ssl_context=context) as client:
            with pytest.raises(LoginError):
                getattr(client, mechanism)(KIM, "wrong")
            client.login(KIM, PASSWORD)  # the connection goes on


def test_imaplib(server: MailServer, token: str) -> None:
    with imaplib.IMAP4(server.host, server.imap_port) as imap:
        assert "AUTH=OAUTHBEARER" in imap.capabilities  # loopback
        imap.authenticate("XOAUTH2", lambda said: f"user={KIM}\x01auth=Bearer {token}\x01\x01".encode())
        assert imap.select()[0] == "OK"


def test_poplib(server: MailServer, token: str, context: ssl.SSLContext) -> None:
    said = b64encode(f"n,,\x01auth=Bearer {token}\x01\x01".encode()).decode()
    pop = poplib.POP3_SSL("localhost", server.pop3s_port, context=context)
    assert "OAUTHBEARER" in pop.capa()["SASL"]
    assert pop._shortcmd(f"AUTH OAUTHBEARER {said}").startswith(b"+OK")  # type: ignore[attr-defined]
    assert pop.stat()[0] >= 1
    pop.quit()


def test_smtplib(server: MailServer, token: str, context: ssl.SSLContext) -> None:
    with smtplib.SMTP_SSL("localhost", server.submissions_port, context=context) as smtp:
        smtp.ehlo()
        assert "XOAUTH2" in smtp.esmtp_features["auth"]
        smtp.user, smtp.password = KIM, "unused"
        code, _ = smtp.auth("XOAUTH2", lambda said=None: f"user={KIM}\x01auth=Bearer {token}\x01\x01")
        assert code == 235
        assert smtp.sendmail(KIM, [KIM], LETTER) == {}


@pytest.mark.parametrize("mechanism", ["oauthbearer", "xoauth2"])
def test_msmtp(server: MailServer, token: str, tmp_path: Path, mechanism: str) -> None:
    (tmp_path / "msmtprc").write_text(
        f"account default\nhost localhost\nport {server.submissions_port}\ntls on\ntls_starttls off\n"
        f"tls_trust_file {server.certificate}\nauth {mechanism}\nuser {KIM}\npassword {token}\nfrom {KIM}\n"
    )
    (tmp_path / "msmtprc").chmod(0o600)
    said = subprocess.run(
        [program("msmtp"), "-C", "msmtprc", KIM], input=LETTER, cwd=tmp_path, capture_output=True, timeout=30
    )
    if b"unsupported authentication method" in said.stderr or b"not supported" in said.stderr:
        pytest.skip("this msmtp does not know the mechanism")
    assert said.returncode == 0, said.stderr


def said(connection: imaplib.IMAP4, line: bytes) -> bytes:
    connection.send(line + b"\r\n")
    return connection.readline()


def test_imap_after_a_refusal(server: MailServer, token: str) -> None:
    wrong = b64encode(b"n,,\x01auth=Bearer wrong\x01\x01")
    with imaplib.IMAP4(server.host, server.imap_port) as imap:
        challenge = said(imap, b"a AUTHENTICATE OAUTHBEARER " + wrong)
        about = json.loads(b64decode(challenge.removeprefix(b"+ ")))
        assert about["status"] == "invalid_token"
        assert about["scope"] == "imap"
        assert about["openid-configuration"].startswith("https://localhost:")
        # RFC 7628 3.2.3: either ends it.
        assert said(imap, b"*").startswith(b"a BAD ")
        said(imap, b"b AUTHENTICATE OAUTHBEARER " + wrong)
        assert said(imap, b"AQ==").startswith(b"b NO [AUTHENTICATIONFAILED]")
        assert said(imap, b"c AUTHENTICATE OAUTHBEARER =").startswith(b"c BAD ")
        assert said(imap, b"d AUTHENTICATE OAUTHBEARER") == b"+ \r\n"
        right = b64encode(f"n,a={KIM},\x01auth=Bearer {token}\x01\x01".encode())
        assert said(imap, right).startswith(b"d OK ")
        imap.state = "AUTH"
