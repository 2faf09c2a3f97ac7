"""SCRAM with independent clients: GNU SASL, and scramp under Python's imaplib."""

import imaplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scramp import ScramClient

from pillarbox.app.config import Auth, Config
from pillarbox.app.wiring import existing
from pillarbox.identity.passwords import store
from pillarbox.identity.scram import END_POINT, MECHANISMS
from pillarbox.testing.server import MailServer
from tests.clients.conftest import program
from tests.oracle import PASSWORD

ADDRESS = "kim@example.test"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer(Config(auth=Auth(scram_sha1=True))) as running:
        running.add_account(ADDRESS, PASSWORD)
        yield running
        running.check()


@pytest.fixture(scope="module")
def binding() -> Iterator[MailServer]:
    with MailServer(Config(auth=Auth(channel_binding=True))) as running:
        running.add_account(ADDRESS, PASSWORD)
        yield running
        running.check()


def gsasl(server: MailServer, home: Path, *more: str, password: str = PASSWORD) -> str:
    """What the server said last to GNU SASL."""
    said = subprocess.run(
        [
            *(program("gsasl"), "--imap", f"--connect={server.host}:{server.imap_port}"),
            *(f"--authentication-id={ADDRESS}", f"--password={password}", "--verbose", *more),
        ],
        input=b"",
        capture_output=True,
        cwd=home,
        timeout=30,
    )
    return said.stdout.decode() + said.stderr.decode()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
@pytest.mark.parametrize("acting", [(), (f"--authorization-id={ADDRESS}",)])
def test_gnu_sasl(server: MailServer, tmp_path: Path, mechanism: str, acting: tuple[str, ...]) -> None:
    said = gsasl(server, tmp_path, "--no-starttls", f"--mechanism={mechanism}", *acting)
    assert ". OK [CAPABILITY" in said, said


def test_gnu_sasl_under_tls(server: MailServer, tmp_path: Path) -> None:
    said = gsasl(server, tmp_path, "--starttls", "--no-cb", f"--x509-ca-file={server.certificate}")
    assert "AUTHENTICATE SCRAM-SHA-256" in said
    assert ". OK [CAPABILITY" in said, said


def test_gnu_sasl_with_a_wrong_password(server: MailServer, tmp_path: Path) -> None:
    said = gsasl(server, tmp_path, "--no-starttls", "--mechanism=SCRAM-SHA-256", password="wrong")
    assert ". NO [AUTHENTICATIONFAILED]" in said, said


def over_tls(server: MailServer) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=server.certificate)
    return imaplib.IMAP4_SSL("localhost", server.imaps_port, ssl_context=context)


def log_in(imap: imaplib.IMAP4, client: ScramClient) -> None:
    """imaplib asks for the answer to each challenge; the first challenge is empty."""

    def answer(challenge: bytes) -> bytes:
        said = challenge.decode()
        if not said:
            return client.get_client_first().encode()
        if said.startswith("v="):
            client.set_server_final(said)
            return b""
        client.set_server_first(said)
        return client.get_client_final().encode()

    imap.authenticate(client.mechanism_name, answer)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_imaplib(server: MailServer, mechanism: str) -> None:
    with over_tls(server) as imap:
        assert f"AUTH={mechanism}" in imap.capabilities
        log_in(imap, ScramClient([mechanism], ADDRESS, PASSWORD))
        assert imap.select()[0] == "OK"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"])
def test_imaplib_bound_to_the_certificate(binding: MailServer, mechanism: str) -> None:
    with over_tls(binding) as imap:
        assert f"AUTH={mechanism}" in imap.capabilities
        log_in(imap, ScramClient([mechanism], ADDRESS, PASSWORD, (END_POINT, imap.sock)))
        assert imap.select()[0] == "OK"


def test_a_client_from_which_plus_was_hidden_is_turned_away(binding: MailServer) -> None:
    with over_tls(binding) as imap:
        client = ScramClient(["SCRAM-SHA-256"], ADDRESS, PASSWORD, (END_POINT, imap.sock))
        assert client.get_client_first().startswith("y,")
        client.stage = None
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            log_in(imap, client)


def test_a_server_for_clients_that_compute_more(tmp_path: Path) -> None:
    """The owner wants 100,000 iterations: GNU SASL and scramp log in, from the first password on."""
    with MailServer(Config(auth=Auth(scram_iterations=100_000))) as server:
        server.add_account(ADDRESS, PASSWORD)
        with existing(server.config) as directory:
            assert directory.stored_iterations(directory.require(ADDRESS).prefix) == {100_000}
        said = gsasl(server, tmp_path, "--no-starttls", "--mechanism=SCRAM-SHA-256")
        assert ". OK [CAPABILITY" in said, said
        with over_tls(server) as imap:
            log_in(imap, ScramClient(["SCRAM-SHA-512"], ADDRESS, PASSWORD))
            assert imap.select()[0] == "OK"
        server.check()


@pytest.mark.parametrize(("iterations", "inside"), [(65_536, True), (65_537, False)])
def test_what_cyrus_sasl_computes_at_most(tmp_path: Path, iterations: int, inside: bool) -> None:
    """mbsync, which takes the best mechanism there is and no other after it: hence the default."""
    with MailServer(Config()) as server:
        with existing(server.config) as directory:
            stored = store(PASSWORD, directory.salt(ADDRESS), iterations=iterations)
        server.add_account(ADDRESS, PASSWORD)
        with existing(server.config) as directory:
            directory.set_password(directory.require(ADDRESS).prefix, stored.hash, stored.verifiers)
        (tmp_path / "mail").mkdir()
        (tmp_path / "mbsyncrc").write_text(
            f'IMAPAccount a\nHost localhost\nPort {server.imaps_port}\nUser {ADDRESS}\nPass "{PASSWORD}"\n'
            f"SSLType IMAPS\nCertificateFile {server.certificate}\n\nIMAPStore far\nAccount a\n\n"
            f"MaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
            "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n"
        )
        # It does not end by itself after it has given up.
        with subprocess.Popen(
            [program("mbsync"), "-c", str(tmp_path / "mbsyncrc"), "all"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        ) as mbsync:
            assert mbsync.stderr is not None
            said = next((line for line in mbsync.stderr if "SASL" in line), "")
            if said:
                mbsync.kill()
        assert (mbsync.returncode == 0) == inside, said
        assert inside or "iteration-count is too big" in said
