import imaplib
import secrets

import pyotp
import pytest

from pillarbox.app.config import Auth, Config
from pillarbox.app.wiring import existing
from pillarbox.identity import second_factor
from pillarbox.testing.server import MailServer
from tests.app.conftest import Run


def test_switching_on_and_off(run: Run) -> None:
    run("account", "add", "kim@example.test")
    command = ("account", "totp")
    assert run(*command, "status", "kim@example.test", "--json").value["enabled"] is False
    made = run(*command, "enable", "kim@example.test", "--json").value
    assert made["uri"].startswith("otpauth://totp/localhost:kim%40example.test?secret=")
    assert len(made["recovery_codes"]) == 10
    assert run(*command, "enable", "kim@example.test").code == 1
    status = run(*command, "status", "kim@example.test", "--json").value
    assert (status["enabled"], status["recovery_codes"]) == (True, 10)
    assert (
        run(*command, "disable", "kim@example.test").out
        == "The password of kim@example.test is enough again.\n"
    )
    assert run(*command, "disable", "kim@example.test").code == 1
    assert "otpauth://" in run(*command, "enable", "kim@example.test").out


def test_a_code_behind_the_password_opens_imap_where_that_is_configured() -> None:
    with MailServer(Config(auth=Auth(totp_in_password=True))) as server:
        server.add_account("kim@example.test", "the password")
        with existing(server._config) as directory:
            account = directory.require("kim@example.test")
            enabled = second_factor.enable(directory, account, "mail", secrets.randbelow)
            code = pyotp.TOTP(enabled.secret).at(directory.now())
        with imaplib.IMAP4(server.host, server.imap_port) as imap:
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                imap.login("kim@example.test", "the password")
            imap.login("kim@example.test", "the password" + code)
        server.check()
