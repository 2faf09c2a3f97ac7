"""Tokens of another server in a running one: its keys and its word are fetched over HTTP."""

import asyncio
import imaplib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.config import Config, ConfigError, parse
from pillarbox.app.entering import OAuth, OAuthProvider, Sql
from pillarbox.app.entering import Tokens as TokenAccounts
from pillarbox.app.foreigners import MAX_ANSWER, Foreigners
from pillarbox.app.wiring import existing
from pillarbox.testing.server import MailServer
from tests.identity.issuer import KIM, URL, Issuer


class Handler(BaseHTTPRequestHandler):
    issuer: Issuer
    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/keys")
            self.end_headers()
        elif self.path == "/long":
            self._say(b" " * (MAX_ANSWER + 1))
        elif self.path == "/broken":
            self.wfile.write(b"\0\0\0")
        else:
            self._say(asyncio.run(self.issuer.fetch(self.path)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        token = body.partition("token=")[2].partition("&")[0]
        assert self.headers["authorization"] == "Basic dXM6YStzZWNyZXQ="  # us:a+secret
        self._say(asyncio.run(self.issuer.fetch(self.path, {"token": token})))

    def _say(self, octets: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *about: Any) -> None:
        pass


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(time.time)


@pytest.fixture
def address(issuer: Issuer) -> Iterator[str]:
    handler = type("Known", (Handler,), {"issuer": issuer, "paths": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def log_in(server: MailServer, token: str) -> str:
    """What the server says to it."""
    with imaplib.IMAP4(server.host, server.imap_port) as imap:
        try:
            imap.authenticate("XOAUTH2", lambda said: f"user={KIM}\x01auth=Bearer {token}\x01\x01".encode())
        except imaplib.IMAP4.error as error:
            return str(error)
        return "OK"


def test_signed_tokens_and_others(issuer: Issuer, address: str) -> None:
    provider = OAuthProvider(
        URL, ("mail",), f"{address}/keys", f"{address}/introspect", client_id="us", client_secret="a secret"
    )
    with MailServer(Config(oauth=OAuth(providers=(provider,)))) as server:
        server.add_account(KIM, "unused")
        assert log_in(server, issuer.sign()) == "OK"
        assert "AUTHENTICATIONFAILED" in log_in(server, issuer.sign(aud="other"))
        issuer.tokens["opaque"] = issuer.claims(active=True)
        assert log_in(server, "opaque") == "OK"
        assert "AUTHENTICATIONFAILED" in log_in(server, "unknown")
        server.check()


def test_the_first_token_makes_an_account(issuer: Issuer, address: str) -> None:
    provider = OAuthProvider(URL, ("mail",), f"{address}/keys")
    domain = KIM.partition("@")[2]
    config = Config(
        oauth=OAuth(providers=(provider,)),
        directory={"partners": TokenAccounts(domains=(domain,), issuers=(URL,))},
    )
    with MailServer(config) as server:
        assert "AUTHENTICATIONFAILED" in log_in(server, issuer.sign(exp=1, email_verified=True))
        assert "AUTHENTICATIONFAILED" in log_in(server, issuer.sign())  # nobody has verified the address
        assert log_in(server, issuer.sign(email_verified=True)) == "OK"
        assert "AUTHENTICATIONFAILED" in log_in(server, issuer.sign(email_verified=True, sub="another"))
        server.deliver(KIM, b"Subject: for you\n\nx\n")
        server.check()


def test_a_token_without_the_scope_makes_no_account(issuer: Issuer, address: str) -> None:
    provider = OAuthProvider(URL, ("mail",), f"{address}/keys", scope="mail")
    config = Config(
        oauth=OAuth(providers=(provider,)),
        directory={"partners": TokenAccounts(domains=(KIM.partition("@")[2],), issuers=(URL,))},
    )
    with MailServer(config) as server:
        said = log_in(server, issuer.sign(email_verified=True, scope="openid"))
        assert "AUTHENTICATIONFAILED" in said
        with existing(server.config) as directory:
            assert directory.credential(KIM) is None
        assert log_in(server, issuer.sign(email_verified=True)) == "OK"
        server.check()


def test_accounts_in_tables_come_in_by_token_too(issuer: Issuer, address: str, tmp_path: Path) -> None:
    tables = sqlite3.connect(tmp_path / "people.db", isolation_level=None)
    tables.execute("CREATE TABLE people (address TEXT, hash TEXT)")
    tables.execute("INSERT INTO people VALUES (?, '')", (KIM,))
    sql = Sql(
        domains=(KIM.partition("@")[2],),
        database=str(tmp_path / "people.db"),
        account="SELECT address FROM people WHERE address = :address",
        password="SELECT hash FROM people WHERE address = :address",
        known=0.001,
        unknown=0.001,
    )
    provider = OAuthProvider(URL, ("mail",), f"{address}/keys")
    with MailServer(Config(oauth=OAuth(providers=(provider,)), directory={"staff": sql})) as server:
        assert log_in(server, issuer.sign()) == "OK"
        tables.execute("DELETE FROM people")
        assert "AUTHENTICATIONFAILED" in log_in(server, issuer.sign())
        tables.execute("DROP TABLE people")
        assert "UNAVAILABLE" in log_in(server, issuer.sign())
    tables.close()


def test_a_server_that_is_not_there() -> None:
    provider = OAuthProvider(URL, ("mail",), "http://127.0.0.1:1/keys")
    with MailServer(Config(oauth=OAuth(providers=(provider,)))) as server:
        server.add_account(KIM, "right")
        said = log_in(server, Issuer(time.time).sign())
        assert "UNAVAILABLE" in said
        with imaplib.IMAP4(server.host, server.imap_port) as imap:
            imap.login(KIM, "right")
        server.check()


@pytest.mark.parametrize("path", ["/moved", "/long", "/broken"])
def test_what_is_no_answer(issuer: Issuer, address: str, path: str) -> None:
    foreigners = Foreigners()
    with pytest.raises(OSError):
        asyncio.run(foreigners._fetch(address + path))
    foreigners.close()


def test_what_is_known_of_a_provider_outlives_a_reload() -> None:
    foreigners = Foreigners()
    one, two = OAuthProvider(URL, ("a",), "https://x/"), OAuthProvider(URL, ("b",), "https://x/")
    (first,) = foreigners.adopt((one,))
    assert foreigners.adopt((one,)) == (first,)
    assert foreigners.adopt((two, one))[1] is first
    foreigners.close()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('issuer = "x"', 'needs "keys" or "introspection"'),
        ('issuer = "x"\nkeys = "https://x/keys"', "needs an audience"),
        ('issuer = "x"\naudience = ["a"]\nkeys = "http://x/keys"', "has to begin with https://"),
        ('issuer = "x"\naudience = ["a"]\nkeys = "file:///etc/passwd"', "has to begin with https://"),
        ('issuer = "x"\nskew = 3000\nkeys = "https://x/keys"', "skew"),
    ],
)
def test_a_provider_that_is_no_good(lines: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"[[oauth.providers]]\n{lines}\n")
    assert words in str(refused.value) or "300" in str(refused.value)


def test_provider_and_directory_read_the_same_claim() -> None:
    text = """
[directory.partners]
kind = "tokens"
domains = ["partners.test"]
issuers = ["https://id.test"]
claim = "upn"
[[oauth.providers]]
issuer = "https://id.test"
audience = ["mail"]
keys = "https://id.test/keys"
"""
    with pytest.raises(ConfigError, match="is not the claim of https"):
        parse(text)
    assert parse(text + 'claim = "upn"\n').oauth.providers[0].claim == "upn"


def test_a_whole_configuration() -> None:
    text = """
[web]
url = "https://mail.example.test"
[oauth]
access = 600
mail_programs = false
[[oauth.clients]]
id = "webmail"
name = "Webmail"
redirect_uris = ["https://webmail.example.test/back"]
secret = "a secret"
[[oauth.providers]]
issuer = "https://login.example.net"
audience = ["mail"]
keys = "https://login.example.net/keys"
"""
    config = parse(text)
    assert config.oauth.clients[0].id == "webmail"
    assert json.dumps(config.web.url) == '"https://mail.example.test"'
    with pytest.raises(ConfigError):
        parse('[web]\nurl = "https://mail.example.test/path"\n')
