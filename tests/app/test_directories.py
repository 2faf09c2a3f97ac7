"""A server whose accounts are kept elsewhere, from outside: mail, logins, commands, and a dead directory."""

import imaplib
import poplib
import smtplib
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.config import Abuse, Config
from pillarbox.app.entering import Ldap, Sql, Tokens
from pillarbox.app.wiring import existing
from pillarbox.identity.directory import State
from pillarbox.testing.server import MailServer
from tests.app.test_abuse import asking, until
from tests.identity.outside.slapd import BASE, BIND, SECRET, Slapd, group, person

KIM, PASSWORD = "kim@corp.test", "a right password"
ACCOUNT = "SELECT address, disabled, quota, admin FROM people WHERE address = :address"
HASH = "SELECT hash FROM people WHERE address = :address"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(tmp_path / "people.db", isolation_level=None)
    db.execute(
        "CREATE TABLE people (address TEXT, hash TEXT, disabled INTEGER, quota INTEGER, admin INTEGER)"
    )
    db.execute("INSERT INTO people VALUES (?, ?, 0, NULL, 0)", (KIM, "{PLAIN}" + PASSWORD))
    yield db
    db.close()


def config(tmp_path: Path, **more: Any) -> Config:
    sql = Sql(
        domains=("corp.test",),
        database=str(tmp_path / "people.db"),
        account=ACCOUNT,
        password=HASH,
        **{"known": 0.001, "unknown": 0.001, **more},
    )
    tokens = Tokens(domains=("tokens.test",), issuers=("https://id.test",))
    return Config(directory={"staff": sql, "provider": tokens}, abuse=Abuse(ban_after=3, exempt=()))


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def server(request: pytest.FixtureRequest, tmp_path: Path, people: Any) -> Iterator[MailServer]:
    with MailServer(config(tmp_path), workers=request.param) as server:
        server.add_account("ann@here.test", PASSWORD)
        yield server
        server.check()


def imap(server: MailServer, name: str, password: str) -> tuple[bytes, int]:
    """What LOGIN is answered, and how many messages there are then."""
    with imaplib.IMAP4(server.host, server.imap_port) as client:
        try:
            client.login(name, password)
        except imaplib.IMAP4.error as error:
            return str(error).encode(), -1
        return b"OK", int(client.select()[1][0] or b"0")


def pop3(server: MailServer, name: str, password: str) -> bytes:
    client = poplib.POP3(server.host, server.pop3_port)
    try:
        client.user(name)
        return client.pass_(password)
    except poplib.error_proto as error:
        return bytes(error.args[0])
    finally:
        client.close()


def submission(server: MailServer, name: str, password: str) -> tuple[int, bytes]:
    with smtplib.SMTP(server.host, server.submission_port) as client:
        client.ehlo()
        try:
            client.user, client.password = name, password
            return client.auth("PLAIN", client.auth_plain)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code, error.smtp_error


def rcpt(server: MailServer, port: int, hello: str, address: str) -> tuple[int, bytes]:
    with smtplib.SMTP(server.host, port) as client:
        client.docmd(hello, "client.test")
        client.docmd("MAIL", "FROM:<who@else.test>")
        return client.docmd("RCPT", f"TO:<{address}>")


def deliver(server: MailServer, address: str) -> None:
    with smtplib.SMTP(server.host, server.smtp_port) as client:
        assert client.sendmail("who@else.test", [address], b"Subject: hello\r\n\r\nhello\r\n") == {}


def test_mail_comes_before_anybody_has_logged_in_and_is_there_then(server) -> None:
    deliver(server, "Kim+lists@corp.test")
    deliver(server, KIM)
    assert imap(server, KIM, PASSWORD)[0] == b"OK"
    assert imap(server, "KIM@Corp.test", PASSWORD) == (b"OK", 2)
    assert pop3(server, KIM, PASSWORD).startswith(b"+OK 2")
    assert submission(server, KIM, PASSWORD)[0] == 235


def test_nobody_is_nobody(server) -> None:
    for port, hello in ((server.lmtp_port, "LHLO"), (server.smtp_port, "EHLO")):
        assert rcpt(server, port, hello, "nobody@corp.test")[0] == 550
        assert rcpt(server, port, hello, KIM)[0] == 250
        assert rcpt(server, port, hello, "nobody@tokens.test")[0] == 550
    assert b"AUTHENTICATIONFAILED" in imap(server, "nobody@corp.test", PASSWORD)[0]


def test_a_dead_directory_is_said_to_be_for_now_by_every_protocol(server, people) -> None:
    deliver(server, KIM)
    people.execute("ALTER TABLE people RENAME TO moved")
    for _ in range(6):  # more than would shut the network out
        for name in (KIM, "nobody@corp.test"):
            assert b"[UNAVAILABLE]" in imap(server, name, PASSWORD)[0]
            assert pop3(server, name, PASSWORD).startswith(b"-ERR [SYS/TEMP]")
            code, text = submission(server, name, PASSWORD)
            assert (code, text[:5]) == (454, b"4.7.0")
            for port, hello in ((server.lmtp_port, "LHLO"), (server.smtp_port, "EHLO")):
                code, text = rcpt(server, port, hello, name)
                assert (code, text[:5]) == (451, b"4.4.3")
    # Others do not notice.
    assert imap(server, "ann@here.test", PASSWORD)[0] == b"OK"
    assert rcpt(server, server.smtp_port, "EHLO", "ann@here.test")[0] == 250
    people.execute("ALTER TABLE moved RENAME TO people")
    assert imap(server, KIM, PASSWORD) == (b"OK", 1)


def test_wrong_passwords_still_shut_a_network_out(server, tmp_path, monkeypatch, capsys) -> None:
    ask = asking(server, tmp_path, monkeypatch, capsys)
    for number in range(3):
        assert b"AUTHENTICATIONFAILED" in imap(server, KIM, f"wrong {number}")[0]
    until(lambda: b"UNAVAILABLE" in imap(server, "tim@corp.test", PASSWORD)[0])
    assert until(lambda: ask("ban", "list"))


def test_scram_is_not_offered_where_passwords_are_kept_elsewhere(server) -> None:
    with imaplib.IMAP4(server.host, server.imap_port) as client:
        offered = client.capabilities
    assert "AUTH=PLAIN" in offered and not [each for each in offered if "SCRAM" in each]


def test_where_tokens_are_wanted_a_password_is_told_so(server) -> None:
    assert b"[CANNOT] Passwords are not taken" in imap(server, "kim@tokens.test", PASSWORD)[0]
    assert submission(server, "kim@tokens.test", PASSWORD)[0] == 534
    assert pop3(server, "kim@tokens.test", PASSWORD).startswith(b"-ERR")


def test_commands_say_where_an_account_is_kept(server, tmp_path, monkeypatch, capsys, people) -> None:
    people.execute("UPDATE people SET disabled = 1, admin = 1, quota = 1048576")
    assert b"AUTHENTICATIONFAILED" in imap(server, KIM, PASSWORD)[0]
    ask = asking(server, tmp_path, monkeypatch, capsys)
    shown = ask("account", "show", KIM)
    assert (shown["state"], shown["directory"], shown["admin"]) == ("disabled", "staff", True)
    assert [each["address"] for each in ask("account", "list")] == ["ann@here.test", KIM]


CONFIG = """
[listen]
[directory.staff]
kind = "sql"
domains = ["corp.test"]
database = "people.db"
account = "SELECT address FROM people WHERE address = :address"
password = "SELECT hash FROM people WHERE address = :address"
"""


def test_what_is_decided_elsewhere_is_not_changed_here(run, people, tmp_path) -> None:
    (tmp_path / "pillarbox.toml").write_text(CONFIG)
    for command in (("account", "add", KIM), ("account", "password", KIM)):
        ran = run(*command)
        assert (ran.code, "staff decides on kim@corp.test" in ran.err) == (1, True)
    assert run("account", "add", "ann@here.test").code == 0
    ran = run("deliver", KIM, stdin=b"Subject: x\n\nx\n")
    assert ran.code == 0, ran.err
    assert run("account", "show", KIM, "--json").value["directory"] == "staff"
    assert run("account", "disable", KIM, "--json").value["state"] == "disabled"
    assert run("account", "unlink", KIM, "--json").value["directory"] is None
    assert run("account", "unlink", KIM).code == 1
    acts = run("audit", "--event", "admin", "--account", KIM, "--json").value
    assert [each["detail"].partition(",")[0] for each in acts] == ["account disable", "account unlink"]
    people.execute("DROP TABLE people")
    ran = run("deliver", "tim@corp.test", stdin=b"Subject: x\n\nx\n")
    assert (ran.code, "does not answer" in ran.err) == (1, True)


def test_openldap(tmp_path: Path) -> None:
    """A real one, which dies and comes back while people work."""
    slapd = Slapd(tmp_path / "slapd")
    try:
        slapd.add(person("kim"), person("tim"), group("admins", "kim"))
        staff = Ldap(
            domains=("corp.test",),
            urls=(slapd.url,),
            ca=str(slapd.certificate),
            bind=BIND,
            password=SECRET,
            base=BASE,
            known=0.001,
            unknown=0.001,
            admins=("admins",),
        )
        with MailServer(Config(directory={"staff": staff})) as server:
            deliver(server, KIM)
            assert imap(server, KIM, "secret") == (b"OK", 1)
            assert b"AUTHENTICATIONFAILED" in imap(server, KIM, "wrong")[0]
            assert rcpt(server, server.smtp_port, "EHLO", "nobody@corp.test")[0] == 550
            slapd.stop()
            assert b"[UNAVAILABLE]" in imap(server, KIM, "secret")[0]
            assert rcpt(server, server.smtp_port, "EHLO", KIM)[0] == 451
            slapd.start()
            assert imap(server, KIM, "secret") == (b"OK", 1)
            slapd.delete(f"uid=kim,ou=people,{BASE}")
            assert rcpt(server, server.smtp_port, "EHLO", KIM)[0] == 550
            assert b"AUTHENTICATIONFAILED" in imap(server, KIM, "secret")[0]
            with existing(server.config) as directory:
                kim = directory.require(KIM)
            assert (kim.admin, kim.state) == (True, State.ABSENT)
            server.check()
    finally:
        slapd.stop()


@pytest.mark.parametrize(
    ("module", "extra"), [("ldap", "pillarbox[ldap]"), ("psycopg", "pillarbox[postgresql]")]
)
def test_a_library_that_is_missing_is_named(run, tmp_path, monkeypatch, module, extra) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "pillarbox.identity.outside.ldap", raising=False)
    sql = table("sql", database='"postgresql://h/d"', account='"SELECT 1"', password='"SELECT 1"')
    (tmp_path / "pillarbox.toml").write_text("[listen]\n" + (ldap() if module == "ldap" else sql))
    ran = run("account", "add", "ann@here.test")
    assert (ran.code, extra in ran.err) == (1, True)


def tokens(**more: str) -> str:
    return table("tokens", **{"issuers": '["i"]', **more})


def ldap(**more: str) -> str:
    return table("ldap", urls='["ldap://dc1"]', base='"x"', **more)


def table(kind: str, name: str = "x", domains: str = '["a.test"]', **more: str) -> str:
    keys = {"kind": f'"{kind}"', "domains": domains, **more}
    return f"[directory.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (table("nis"), 'line 2: directory.x.kind: must be one of "ldap"'),
        (tokens(claims='"x"'), "line 5: directory.x.claims: there is no such key; the nearest is claim"),
        (
            tokens(issuers='["i", "https://typo.test"]'),
            'line 4: directory.x.issuers: "https://typo.test" is no iss',
        ),
        (tokens(domains='["a b"]'), 'line 3: directory.x.domains: "a b" is no domain'),
        (tokens(domains="[]"), "line 3: directory.x.domains: expected array of length >= 1"),
        (tokens(domains="[]").replace(".x]", "]"), "line 3: directory.domains: expected array"),
        (tokens() + tokens(name="y", domains='["A.test"]'), "line 7: directory.y.domains: "),
        (ldap().replace("ldap://", ""), 'line 4: directory.x.urls: "dc1" is no server'),
        (ldap(bind='"cn=m"'), "line 6: directory.x.bind: needs a password"),
        (
            ldap(bind='"cn=m"', password='"p"', starttls="false"),
            "line 8: directory.x.starttls: passwords would go to dc1",
        ),
        (
            table("sql", database='"x"', account='"SELECT :user"', password='"SELECT 1"'),
            "line 5: directory.x.account: there is no :user",
        ),
    ],
)
def test_mistakes_in_the_configuration_are_named(run, tmp_path, text, wrong) -> None:
    provider = '[[oauth.providers]]\nissuer = "i"\naudience = ["mail"]\nkeys = "https://i.test/keys"\n'
    (tmp_path / "pillarbox.toml").write_text(text + provider)
    ran = run("account", "list")
    assert ran.code == 2 and wrong in ran.err, ran.err


def test_a_dead_directory_does_not_stop_a_server_from_starting(tmp_path) -> None:
    with MailServer(config(tmp_path)) as server:  # there is no file at all
        assert rcpt(server, server.smtp_port, "EHLO", KIM)[0] == 451
        server.check()
