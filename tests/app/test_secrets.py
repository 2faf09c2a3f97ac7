"""No password is in a log, in the audit log, in a list of processes or in what errors say."""

import imaplib
import os
import poplib
import smtplib
import sqlite3
from pathlib import Path

import pytest

from pillarbox.app.config import ConfigError, load, parse
from pillarbox.identity.audit import Audit
from tests.app.process import Running, running

KIM, ANN, HELP = "kim@corp.test", "ann@here.test", "help@here.test"
SECRETS = {
    "of kim": "kims-open-sesame",
    "of the master": "masters-open-sesame",
    "that is wrong": "guessed-open-sesame",
    "in the place of a name": "misplaced-open-sesame",
    "of the database": "database-open-sesame",
    "of the smarthost": "smarthost-open-sesame",
    "of LDAP": "ldap-open-sesame",
}
CONFIG = f"""
workers = 2
[listen]
imap = "127.0.0.1:0"
pop3 = "127.0.0.1:0"
submission = "127.0.0.1:0"
smtp = "127.0.0.1:0"
[auth.masters]
"{HELP}" = ["corp.test", "here.test"]
[directory.staff]
kind = "sql"
domains = ["corp.test"]
database = "people.db"
account = "SELECT address FROM people WHERE address = :address"
password = "SELECT hash FROM people WHERE address = :address"
[[outbound.smarthosts]]
host = "127.0.0.1"
port = 1
user = "mail"
password = "{SECRETS["of the smarthost"]}"
"""
DATABASE = f"""
[directory.gone]
kind = "sql"
domains = ["gone.test"]
database = "postgresql://mail:{SECRETS["of the database"]}@127.0.0.1:1/none"
account = "SELECT 1 WHERE '' = :address"
password = "SELECT 1"
"""
LDAP = f"""
[directory.dead]
kind = "ldap"
domains = ["dead.test"]
urls = ["ldap://127.0.0.1:1"]
base = "dc=x"
bind = "cn=mail"
password = "{SECRETS["of LDAP"]}"
"""


def imap(server: Running, name: str, password: str) -> None:
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as client:
        try:
            client.login(f'"{name}"', password)
        except imaplib.IMAP4.error as error:
            assert password not in str(error)


def everywhere_else(server: Running, name: str, password: str) -> None:
    client = poplib.POP3("127.0.0.1", server.port("pop3"))
    try:
        client.user(name)
        client.pass_(password)
    except poplib.error_proto as error:
        assert password not in str(error)
    finally:
        client.close()
    with smtplib.SMTP("127.0.0.1", server.port("submission")) as sending:
        try:
            sending.login(name, password)
            sending.sendmail(name, ["who@else.test"], b"Subject: x\r\n\r\nx\r\n")
        except smtplib.SMTPException as error:
            assert password not in str(error)


def processes(server: Running) -> str:
    """What anybody on the machine may read of them, and more: commands and environments."""
    group = os.getpgid(server.process.pid)
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                if os.getpgid(int(place.name)) == group:
                    found += [(place / name).read_text(errors="replace") for name in ("cmdline", "environ")]
            except (ProcessLookupError, FileNotFoundError):
                continue
    assert len(found) >= 2 * 4  # the parent, two workers, the keeper
    return "\n".join(found)


def test_secrets_stay_where_they_are(tmp_path: Path, run) -> None:
    text = CONFIG
    for module, more in (("psycopg", DATABASE), ("ldap", LDAP)):
        try:
            __import__(module)
        except ImportError:
            continue
        text += more
    (tmp_path / "pillarbox.toml").write_text(text)
    with sqlite3.connect(tmp_path / "people.db") as db:
        db.execute("CREATE TABLE people (address, hash)")
        db.execute("INSERT INTO people VALUES (?, ?)", (KIM, "{PLAIN}" + SECRETS["of kim"]))
    db.close()
    for name, secret in ((HELP, "of the master"), (ANN, "of kim")):
        assert run("account", "add", name, "--password-stdin", stdin=SECRETS[secret].encode()).code == 0
    made = run("account", "add", "new@here.test", "--json").value["password"]
    code = run("account", "totp", "enable", "new@here.test", "--json").value
    with running(tmp_path) as server:
        for name in (KIM, ANN, f"{KIM}*{HELP}", "nobody@gone.test", "nobody@dead.test", "nobody@here.test"):
            for kind in ("of kim", "of the master", "that is wrong"):
                imap(server, name, SECRETS[kind])
                everywhere_else(server, name, SECRETS[kind])
        imap(server, SECRETS["in the place of a name"], "x")
        with smtplib.SMTP("127.0.0.1", server.port("smtp")) as client:
            client.sendmail("who@else.test", [KIM], b"Subject: x\r\n\r\nx\r\n")
        listed = processes(server)
        server.stop()
        assert server.process.stderr is not None
        log = server.process.stderr.read()
    assert "does not answer" in log or text == CONFIG
    audit = Audit(tmp_path / "var" / "audit.db")
    entries = audit.find()
    audit.close()
    assert {each.event for each in entries} >= {"login", "failure", "admin"}
    written = "\n".join(map(repr, entries))
    for kind, secret in {
        **SECRETS,
        "made": made,
        "second factor": code["uri"].partition("secret=")[2][:32],
    }.items():
        for where, said in (("the log", log), ("the audit log", written), ("processes", listed)):
            assert secret not in said, f"the password {kind} is in {where}"
    # What is kept is kept as what it cannot be read from.
    kept = (tmp_path / "var" / "directory.db").read_bytes()
    for kind in ("of kim", "of the master"):
        assert SECRETS[kind].encode() not in kept


@pytest.mark.parametrize("text", [CONFIG, DATABASE, LDAP])
def test_the_configuration_is_not_shown_with_its_secrets(text: str, tmp_path: Path) -> None:
    config = parse(text)
    shown = repr(config) + str(config)
    broken = tmp_path / "pillarbox.toml"
    broken.write_text(text.replace("domains", "domans").replace("port = 1", 'port = "x"'))
    with pytest.raises(ConfigError) as wrong:
        load(broken)
    for secret in SECRETS.values():
        assert secret not in shown and secret not in str(wrong.value)
