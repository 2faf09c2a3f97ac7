"""Every cell of docs/logins.md, by the program that is named there."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from pillarbox.app.config import Auth, Config, Listen, Tls
from pillarbox.app.wiring import existing, hashes
from pillarbox.identity import app_passwords, grants, scram, second_factor
from pillarbox.identity.passwords import store
from pillarbox.identity.scram import MIN_ITERATIONS
from pillarbox.testing.server import MailServer
from tests.app.test_tls import Authority
from tests.clients.logins import KINDS, MATRIX, PAGE, REFUSED, Door, Kind, Way, Who, mbsync, page

PASSWORD = "the right password"
SCOPES = "imap pop smtp"
APP_NAMES = {"imap": "imap", "pop3": "pop3", "submission": "smtp"}
_numbers = count()


@dataclass(frozen=True)
class Place:
    server: MailServer
    authority: Authority

    def person(self, kind: Kind, protocol: str) -> Who:
        """Somebody new of that kind, and what he shows."""
        address = f"p{next(_numbers)}@example.test"
        server, secret = self.server, PASSWORD
        certificate = None
        if kind.name == "certificate of nobody here":
            return Who(address, certificate=self.authority.client(address, f"nobody-{address}"))
        server.add_account(address, PASSWORD)
        with existing(server.config) as directory:
            account = directory.require(address)
            if "app password" in kind.name:
                secret = secrets.token_hex()
                wanted = APP_NAMES[protocol]
                if "another protocol" in kind.name:
                    wanted = "imap" if protocol != "imap" else "smtp"
                salt = directory.salt(address)
                verifiers = [
                    scram.derive(each, secret, salt, MIN_ITERATIONS)
                    for each in scram.Hash
                    if each in hashes(server.config)
                ]
                app_passwords.add(directory, account, "device", secret, verifiers, protocols=(wanted,))
            if "second factor" in kind.name:
                enabled = second_factor.enable(directory, account, "mail", secrets.randbelow)
                if "code" in kind.name:
                    secret = PASSWORD + enabled.recovery_codes[0]
            if "disabled" in kind.name:
                directory.set_enabled(account.prefix, False)
            if "token" in kind.name:
                seconds = -1 if "run out" in kind.name else 600
                with directory.changing():
                    grant = grants.begin(directory, account.prefix, "program", "Program", SCOPES)
                    pair = grants.issue(directory, grant, SCOPES, secrets.token_bytes, access_seconds=seconds)
                secret = "unknown" if "unknown" in kind.name else pair.access
            if kind.name == "wrong password":
                secret = "something else"
        if "certificate" in kind.name:
            certificate, secret = self.authority.client(address, address), ""
        return Who(address, secret, certificate)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    authority = Authority(tmp_path_factory.mktemp("authority"), "authority")
    auth = Auth(scram_sha1=True, totp_in_password=True)
    with MailServer(
        Config(auth=auth, listen=Listen(https="127.0.0.1:0"), tls=Tls(client_ca=str(authority.file)))
    ) as server:
        server.add_account("somebody@example.test", PASSWORD)
        yield Place(server, authority)
        server.check()


CELLS = [(way, kind) for way in MATRIX for kind in KINDS if kind.by(way.mechanism)]


@pytest.mark.parametrize(
    "way, kind", CELLS, ids=[f"{w.protocol}-{w.mechanism}-{w.program}-{k.name}" for w, k in CELLS]
)
def test_who_comes_in_by_what(there: Place, way: Way, kind: Kind, tmp_path: Path) -> None:
    who = there.person(kind, way.protocol)
    heard = way.client(Door(there.server, way.mechanism, who, tmp_path), way.protocol)
    assert heard.inside == kind.inside, heard.said
    if not kind.inside:
        assert REFUSED[way.protocol] in heard.said or "log in" in heard.said.lower(), heard.said


def test_cyrus_sasl_takes_as_many_iterations_as_are_stored_in_earnest(there: Place, tmp_path: Path) -> None:
    """It has a most of its own, and a client that stumbles over it goes on to no other mechanism."""
    address = "earnest@example.test"
    there.server.add_account(address, PASSWORD)
    with existing(there.server.config) as directory:
        stored = store(PASSWORD, directory.salt(address), hashes(there.server.config))
        directory.set_password(directory.require(address).prefix, stored.hash, stored.verifiers)
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        heard = mbsync(Door(there.server, mechanism, Who(address, PASSWORD), tmp_path), "imap")
        assert heard.inside, heard.said


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
