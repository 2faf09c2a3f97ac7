"""TLS as clients see it: which certificate, which protocol, no words from before, certificates of clients."""

import datetime
import imaplib
import poplib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pillarbox.app.config import CertificateFiles, Config, Tls
from pillarbox.identity import audit
from pillarbox.identity.audit import Audit
from pillarbox.net import tls
from pillarbox.testing.server import MailServer

KIM, TIM, PASSWORD = "kim@example.test", "tim@example.test", "the right password"
NOW = datetime.datetime.now(datetime.UTC)


class Authority:
    """Somebody who vouches for others."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        made = self._builder(self.name, self.key).add_extension(constraint, critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._signed(made).public_bytes(serialization.Encoding.PEM))

    def client(self, name: str, *addresses: str, server: bool = False) -> Path:
        """A file with a certificate for these addresses and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        names = x509.SubjectAlternativeName([x509.RFC822Name(each) for each in addresses])
        made = self._builder(subject, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        made = made.add_extension(names, critical=False)
        file = self.folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + self._signed(made).public_bytes(serialization.Encoding.PEM))
        return file

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(hours=1))
            .not_valid_after(NOW + datetime.timedelta(days=1))
        )

    def _signed(self, made: x509.CertificateBuilder) -> x509.Certificate:
        return made.sign(self.key, hashes.SHA256())


@contextmanager
def serving(tls: Tls = Tls(), workers: int = 1) -> Iterator[MailServer]:  # noqa: B008
    with MailServer(Config(tls=tls), workers=workers) as server:
        for address in (KIM, TIM):
            server.add_account(address, PASSWORD)
        yield server
        server.check()


def believing() -> ssl.SSLContext:
    """A client that believes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shaken(server: MailServer, port: int, context: ssl.SSLContext, name: str | None = None) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection((server.host, port), 20), server_hostname=name)


def shown(server: MailServer, name: str | None) -> str:
    with shaken(server, server.imaps_port, believing(), name) as sock:
        der = sock.getpeercert(binary_form=True)
    assert der is not None
    subject = x509.load_der_x509_certificate(der).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def pair(folder: Path, name: str) -> CertificateFiles:
    files = folder / f"{name}.crt", folder / f"{name}.key"
    tls.write_self_signed(*files, name, NOW)
    return CertificateFiles(*map(str, files))


@pytest.mark.parametrize("workers", [1, 2])
def test_each_name_has_its_own_certificate(tmp_path: Path, workers: int) -> None:
    first, one, star = (pair(tmp_path, name) for name in ("mail.test", "one.test", "*.many.test"))
    config = Tls(first.certificate, first.key, (one, star))
    with serving(config, workers) as server:
        for asked, told in [
            ("one.test", "one.test"),
            ("ONE.test", "one.test"),
            ("any.many.test", "*.many.test"),
            ("not.any.many.test", "mail.test"),
            ("mail.test", "mail.test"),
            ("unknown.test", "mail.test"),
            (None, "mail.test"),
        ]:
            assert shown(server, asked) == told


def test_the_protocol_is_named_to_clients_that_ask() -> None:
    with serving() as server:
        for port, name in ((server.imaps_port, "imap"), (server.pop3s_port, "pop3")):
            context = believing()
            context.set_alpn_protocols(["smtp", name])
            with shaken(server, port, context) as sock:
                assert sock.selected_alpn_protocol() == name
            context.set_alpn_protocols(["h2"])
            with shaken(server, port, context) as sock:
                assert sock.selected_alpn_protocol() is None


def test_only_ciphers_with_forward_secrecy_and_authentication() -> None:
    with serving() as server:
        context = believing()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with shaken(server, server.imaps_port, context) as sock:
            name = sock.cipher()[0]  # type: ignore[index]
            assert name.startswith("ECDHE-") and ("GCM" in name or "POLY1305" in name)
        for weak in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"):
            context = believing()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{weak}:@SECLEVEL=0")
            with pytest.raises(OSError):
                shaken(server, server.imaps_port, context)


@pytest.mark.parametrize(
    "protocol, command, answer, injected",
    [
        ("imap", b"a STARTTLS\r\n", b"a OK", b"b NOOP\r\n"),
        ("pop3", b"STLS\r\n", b"+OK", b"CAPA\r\n"),
        ("lmtp", b"STARTTLS\r\n", b"220", b"NOOP\r\n"),
        ("smtp", b"STARTTLS\r\n", b"220", b"NOOP\r\n"),
        ("submission", b"STARTTLS\r\n", b"220", b"NOOP\r\n"),
    ],
)
def test_what_stands_behind_starttls_in_clear_is_never_heard(
    protocol: str, command: bytes, answer: bytes, injected: bytes
) -> None:
    with serving() as server:
        port = getattr(server, f"{protocol}_port")
        with socket.create_connection((server.host, port), 20) as plain:
            heard = plain.makefile("rb")
            heard.readline()
            if protocol not in ("imap", "pop3"):
                plain.sendall(b"LHLO here\r\n" if protocol == "lmtp" else b"EHLO here\r\n")
                while heard.readline()[3:4] == b"-":
                    pass
            plain.sendall(command + injected)
            assert heard.readline().startswith(answer)
            with believing().wrap_socket(plain) as secured:
                if protocol not in ("imap", "pop3"):
                    # RFC 3207 4.2: nor is what was said before; the server waits for LHLO again.
                    secured.sendall(b"MAIL FROM:<kim@example.test>\r\n")
                    assert secured.recv(100).startswith(b"503")
                secured.sendall(b"z LOGOUT\r\n" if protocol == "imap" else b"QUIT\r\n")
                said = b""
                while more := secured.recv(4096):
                    said += more
            assert b"b OK" not in said
            assert said.startswith({"imap": b"* BYE", "pop3": b"+OK"}.get(protocol, b"221"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def server(authority: Authority) -> Iterator[MailServer]:
    with serving(Tls(client_ca=str(authority.file))) as server:
        yield server


def showing(file: Path | None) -> ssl.SSLContext:
    context = believing()
    if file is not None:
        context.load_cert_chain(file)
    return context


def external(server: MailServer, file: Path, wanted: str = "") -> str:
    with imaplib.IMAP4_SSL(server.host, server.imaps_port, ssl_context=showing(file), timeout=20) as client:
        try:
            client.authenticate("EXTERNAL", lambda challenge: wanted.encode())
            client.select()
        except imaplib.IMAP4.error as refused:
            return str(refused)
    return "OK"


def test_a_certificate_opens_the_account_whose_address_is_in_it(
    server: MailServer, authority: Authority
) -> None:
    kim = authority.client("kim", KIM)
    assert external(server, kim) == "OK"
    assert external(server, kim, KIM) == "OK"
    assert "AUTHORIZATIONFAILED" in external(server, kim, TIM)
    both = authority.client("both", KIM, TIM)
    assert "AUTHENTICATIONFAILED" in external(server, both)
    assert external(server, both, TIM) == "OK"
    assert "AUTHENTICATIONFAILED" in external(server, authority.client("nobody", "nobody@example.test"))
    log = Audit(server.data / audit.FILE)
    while len(found := log.find()) < 6:
        pass
    log.close()
    told = [(each.event, each.account, each.mechanism) for each in found]
    assert told.count(("login", KIM, "EXTERNAL")) == 2
    assert ("login", TIM, "EXTERNAL") in told
    assert ("refusal", KIM, "EXTERNAL") in told


def test_it_opens_pop3_too(server: MailServer, authority: Authority) -> None:
    client = poplib.POP3_SSL(server.host, server.pop3s_port, context=showing(authority.client("kim", KIM)))
    assert "EXTERNAL" in client.capa()["SASL"]
    assert client._shortcmd("AUTH EXTERNAL =").startswith(b"+OK")  # type: ignore[attr-defined]
    client.quit()


def test_without_a_certificate_everything_is_as_it_was(server: MailServer) -> None:
    with imaplib.IMAP4_SSL(server.host, server.imaps_port, ssl_context=showing(None), timeout=20) as client:
        assert "AUTH=EXTERNAL" not in client.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="no such authentication mechanism"):
            client.authenticate("EXTERNAL", lambda challenge: b"")
        client.login(KIM, PASSWORD)


@pytest.mark.parametrize("kind", ["of somebody else", "for servers"])
def test_a_certificate_that_is_not_good_ends_the_handshake(
    server: MailServer, authority: Authority, tmp_path: Path, kind: str
) -> None:
    if kind == "for servers":
        file = authority.client("server", KIM, server=True)
    else:
        file = Authority(tmp_path, "stranger").client("kim", KIM)
    # In TLS 1.3 the client hears of it when it first reads.
    with pytest.raises(OSError), shaken(server, server.imaps_port, showing(file)) as sock:
        if sock.recv(100) == b"":
            raise OSError


@pytest.mark.parametrize("protocol", ["imap", "imaps", "pop3", "smtp", "submission", "submissions", "lmtp"])
def test_nobody_is_given_another_handshake_on_the_same_connection(protocol: str) -> None:
    """RFC 9325 4.5, CVE-2011-1473: TLS 1.2 could go on negotiating for ever."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    kinds = {"imap": "imap", "pop3": "pop3", "smtp": "smtp", "submission": "smtp", "lmtp": "lmtp"}
    with serving() as server:
        port = getattr(server, f"{protocol}_port")
        command = ["openssl", "s_client", "-tls1_2", "-connect", f"{server.host}:{port}"]
        starttls = ["-starttls", kinds[protocol]] if protocol in kinds else []
        with subprocess.Popen(
            [*command, *starttls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as client:
            assert client.stdin is not None and client.stdout is not None
            said = b""
            while b"Verify return code" not in said or b"---" not in said.split(b"Verify return code")[1]:
                said += client.stdout.readline()
            client.stdin.write(b"R\n")  # means "renegotiate"
            client.stdin.flush()
            client.stdin.close()
            said = client.stdout.read()
        assert b"RENEGOTIATING" in said
        assert b"no renegotiation" in said


@pytest.mark.parametrize("protocol, kind", [("imap", "imap"), ("pop3", "pop3"), ("submission", "smtp")])
def test_starttls_shows_the_certificate_of_the_name_that_is_asked_for(
    tmp_path: Path, protocol: str, kind: str
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    first, one = (pair(tmp_path, name) for name in ("mail.test", "one.test"))
    with serving(Tls(first.certificate, first.key, (one,))) as server:
        for asked, told in (("one.test", b"CN = one.test"), ("other.test", b"CN = mail.test")):
            port = getattr(server, f"{protocol}_port")
            target = ["-connect", f"{server.host}:{port}", "-servername", asked]
            ran = subprocess.run(
                ["openssl", "s_client", "-starttls", kind, *target],
                input=b"",
                capture_output=True,
                check=False,
            )
            assert told in ran.stdout


def test_a_certificate_of_its_own_lives_no_longer_than_clients_bear() -> None:
    pem, _ = tls.self_signed("mail.test", NOW)
    made = x509.load_pem_x509_certificate(pem)
    assert made.not_valid_after_utc - made.not_valid_before_utc < datetime.timedelta(days=825)
