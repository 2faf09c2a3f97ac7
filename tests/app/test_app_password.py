import imaplib
from datetime import UTC, datetime, timedelta

import pytest

from pillarbox.app.config import load
from pillarbox.app.wiring import existing
from pillarbox.identity import app_passwords
from pillarbox.testing.server import MailServer
from tests.app.conftest import Run

ACCOUNT = ("account", "app-password")


def test_making_listing_and_revoking(run: Run) -> None:
    run("account", "add", "kim@example.test")
    made = run(*ACCOUNT, "add", "kim@example.test", "--name", "phone", "--protocols", "imap, smtp").out
    assert made.startswith("kim@example.test has an app password phone.\nPassword: ")
    password = made.split()[-1]
    with existing(load()) as directory:
        prefix = directory.require("kim@example.test").prefix
        assert app_passwords.maybe_name(directory, prefix, password, "imap") == "phone"
        assert app_passwords.maybe_name(directory, prefix, password, "pop3") is None
    (listed,) = run(*ACCOUNT, "list", "kim@example.test", "--json").value
    assert (listed["name"], listed["protocols"], listed["used"]) == ("phone", "imap smtp", None)
    assert password not in run(*ACCOUNT, "list", "kim@example.test").out
    assert (
        run(*ACCOUNT, "revoke", "kim@example.test", "--name", "phone").out == "phone can no longer log in.\n"
    )
    assert run(*ACCOUNT, "list", "kim@example.test", "--json").value == []
    assert run(*ACCOUNT, "revoke", "kim@example.test", "--name", "phone").code == 1


def test_the_last_day(run: Run) -> None:
    run("account", "add", "kim@example.test")
    today = datetime.now(UTC).date()
    for written, days in (("2d", 2), (str(today + timedelta(30)), 30)):
        run(*ACCOUNT, "add", "kim@example.test", "--name", written, "--expires", written)
        with existing(load()) as directory:
            prefix = directory.require("kim@example.test").prefix
            ends = {each.name: each.expires_at for each in app_passwords.each_of(directory, prefix)}
        end = ends[written]
        assert end is not None
        assert datetime.fromtimestamp(end, UTC).date() in (
            today + timedelta(days + 1),
            today + timedelta(days + 2),  # midnight passed meanwhile
        )


@pytest.mark.parametrize("expires", ["yesterday", "2020-01-01", "2027-13-01"])
def test_no_day(run: Run, expires: str) -> None:
    run("account", "add", "kim@example.test")
    refused = run(*ACCOUNT, "add", "kim@example.test", "--name", "phone", "--expires", expires)
    assert refused.code == 1
    assert expires in refused.err


def test_a_device_logs_in_by_imap() -> None:
    with MailServer() as server:
        server.add_account("kim@example.test", "the password")
        with existing(server._config) as directory:
            account = directory.require("kim@example.test")
            app_passwords.add(directory, account, "phone", "abc-def-ghi", protocols=("imap",))
            with imaplib.IMAP4(server.host, server.imap_port) as imap:
                imap.login("kim@example.test", "abc-def-ghi")
            app_passwords.revoke(directory, account, "phone")
            with imaplib.IMAP4(server.host, server.imap_port) as imap:
                with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                    imap.login("kim@example.test", "abc-def-ghi")
                imap.login("kim@example.test", "the password")
        server.check()
