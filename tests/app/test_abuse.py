"""Who guesses passwords of a running server, from several addresses of this machine, and who does not."""

import imaplib
import json
import poplib
import secrets
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pillarbox.app import cli
from pillarbox.app.config import Abuse, Auth, Config
from pillarbox.app.wiring import existing, hashes
from pillarbox.identity import app_passwords, scram, second_factor
from pillarbox.testing.server import MailServer

KIM, PASSWORD = "kim@example.test", "the right password"
GUESSER, NEIGHBOUR = "127.0.0.66", "127.0.0.77"
STRICT = Abuse(delay_after=100, ban_after=4, exempt=())

Ask = Callable[..., Any]


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    with MailServer(Config(abuse=STRICT), workers=request.param) as server:
        server.add_account(KIM, PASSWORD)
        server.add_account("tim@example.test", PASSWORD)
        yield server
        server.check()


@pytest.fixture
def ask(server: MailServer, tmp_path: Path, monkeypatch: Any, capsys: Any) -> Ask:
    return asking(server, tmp_path, monkeypatch, capsys)


def asking(server: MailServer, folder: Path, monkeypatch: Any, capsys: Any) -> Ask:
    """A command beside the server: what it prints as JSON."""
    file = folder / "pillarbox.toml"
    file.write_text(f"data = {json.dumps(str(server.data))}\n")

    def ask(*arguments: str) -> Any:
        monkeypatch.setattr("sys.argv", ["pillarbox", "--config", str(file), *arguments, "--json"])
        try:
            cli.main()
        except SystemExit as ended:
            assert ended.code == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return ask


def until(true: Callable[[], Any]) -> Any:
    """What is known everywhere only after a moment; each look is a round trip or a command."""
    for _ in range(2_000):
        if found := true():
            return found
    raise AssertionError("it never came")


def connect(server: MailServer, source: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4.__new__(Sourced)
    client.source = source  # type: ignore[attr-defined]
    client.__init__(server.host, server.imap_port)  # type: ignore[misc]
    return client


class Sourced(imaplib.IMAP4):
    """A client at another address of loopback."""

    source: str

    def _create_socket(self, timeout: float | None) -> Any:
        import socket

        return socket.create_connection((self.host, self.port), 20, (self.source, 0))


def login(server: MailServer, source: str, password: str, name: str = KIM) -> str:
    """ "OK", or the response code of the refusal."""
    with connect(server, source) as client:
        try:
            client.login(name, password)
        except imaplib.IMAP4.error as refused:
            return str(refused).partition("]")[0].partition("[")[2]
    return "OK"


def guess(server: MailServer, source: str = GUESSER) -> None:
    """Until the network is shut out in whatever worker answers."""
    until(lambda: login(server, source, secrets.token_hex(8)) == "UNAVAILABLE")


def app_password(server: MailServer, name: str = "phone") -> str:
    with existing(server._config) as directory:
        account, password = directory.require(KIM), secrets.token_urlsafe()
        salt = directory.salt(account.address)
        verifiers = [scram.derive(h, password, salt, 4096) for h in scram.Hash if h in hashes(server._config)]
        app_passwords.add(directory, account, name, password, verifiers)
    return password


def test_a_guesser_is_shut_out_and_his_neighbours_are_not(server: MailServer, ask: Ask) -> None:
    guess(server)
    (ban,) = until(lambda: ask("ban", "list"))
    assert (ban["network"], ban["reason"]) == (GUESSER, "4 failed logins")
    until(lambda: login(server, GUESSER, PASSWORD) == "UNAVAILABLE")
    assert login(server, NEIGHBOUR, PASSWORD) == "OK"


def test_right_app_passwords_open_behind_a_shut_address(server: MailServer) -> None:
    phone = app_password(server)
    guess(server)
    until(lambda: login(server, GUESSER, PASSWORD) == "UNAVAILABLE")
    assert login(server, GUESSER, phone) == "OK"


def test_who_has_logged_in_from_there_still_does(server: MailServer) -> None:
    assert login(server, GUESSER, PASSWORD) == "OK"
    # The guesses are at another name.
    for _ in range(20):
        login(server, GUESSER, secrets.token_hex(8), "tim@example.test")
    assert login(server, GUESSER, PASSWORD, "tim@example.test") == "UNAVAILABLE"
    assert login(server, GUESSER, PASSWORD) == "OK"


def test_a_client_that_repeats_one_old_password_is_not_guessing(server: MailServer) -> None:
    for _ in range(12):
        assert login(server, GUESSER, "the old password") == "AUTHENTICATIONFAILED"
    assert login(server, GUESSER, PASSWORD) == "OK"


def test_a_ban_is_ordered_and_lifted_beside_the_server(server: MailServer, ask: Ask) -> None:
    ask("ban", "add", "127.0.0.64/26", "--for", "2h")
    assert [each["network"] for each in ask("ban", "list")] == ["127.0.0.64/26"]
    # What an administrator says holds for all: it may be one of them who has been robbed.
    phone = app_password(server)
    until(lambda: login(server, GUESSER, PASSWORD) == "UNAVAILABLE")
    until(lambda: login(server, GUESSER, phone) == "UNAVAILABLE")
    assert login(server, "127.0.0.1", PASSWORD) == "OK"
    ask("ban", "lift", "127.0.0.64/26")
    assert ask("ban", "list") == []
    until(lambda: login(server, GUESSER, PASSWORD) == "OK")
    told = [each["detail"] for each in ask("audit", "--event", "admin")]
    assert [each.partition(",")[0] for each in told] == ["ban add for 2h", "ban lift"]


def test_every_login_and_failure_is_written_down(server: MailServer, ask: Ask) -> None:
    phone, other = app_password(server), "tim@example.test"
    assert login(server, NEIGHBOUR, PASSWORD) == "OK"
    assert login(server, GUESSER, "wrong") == "AUTHENTICATIONFAILED"
    assert login(server, GUESSER, "the right password", "typed-as-a-name") != "OK"
    with connect(server, NEIGHBOUR) as client:
        client.authenticate("PLAIN", lambda challenge: f"\0{KIM}\0{phone}".encode())
    with connect(server, NEIGHBOUR) as client, pytest.raises(imaplib.IMAP4.error):
        client.authenticate("PLAIN", lambda challenge: f"tim@example.test\0{KIM}\0{PASSWORD}".encode())
    trust = ssl.create_default_context(cafile=str(server.certificate))
    pop = poplib.POP3_SSL("localhost", server.pop3s_port, context=trust)
    pop.user(KIM)
    pop.pass_(PASSWORD)
    pop.quit()
    found = until(lambda: (all_ := ask("audit")) and len(all_) >= 6 and all_)
    keys = ("event", "account", "address", "protocol", "mechanism", "device", "tls", "detail")
    told = {tuple(each[key] for key in keys) for each in found}
    assert told == {
        ("login", KIM, NEIGHBOUR, "imap", "LOGIN", "", False, ""),
        ("failure", KIM, GUESSER, "imap", "LOGIN", "", False, "wrong password"),
        ("failure", "(no address)", GUESSER, "imap", "LOGIN", "", False, "no such account"),
        ("login", KIM, NEIGHBOUR, "imap", "PLAIN", "phone", False, ""),
        ("refusal", KIM, NEIGHBOUR, "imap", "PLAIN", "", False, f"You may not act for that user: {other}"),
        ("login", KIM, "127.0.0.1", "pop3", "USER", "", True, ""),
    }
    assert PASSWORD not in json.dumps(found) and phone not in json.dumps(found)
    assert [
        each["event"] for each in ask("audit", "--account", "KIM@example.test", "--event", "refusal")
    ] == ["refusal"]
    assert len(ask("audit", "--address", GUESSER, "--since", "2h")) == 2
    assert len(ask("audit", "--address", "127.0.0.64/26")) == 5


def test_wrong_codes_behind_the_right_password_close_the_account_to_codes_only(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    abuse = Abuse(codes=2, ban_after=50, delay_after=50)
    with MailServer(Config(abuse=abuse, auth=Auth(totp_in_password=True))) as server:
        server.add_account(KIM, PASSWORD)
        phone = app_password(server)
        with existing(server._config) as directory:
            enabled = second_factor.enable(directory, directory.require(KIM), "mail", secrets.randbelow)
            code = pyotp.TOTP(enabled.secret).at(directory.now())
        wrong = [each for each in ("000000", "111111", "222222") if each != code]
        for each in wrong[:2]:
            assert login(server, NEIGHBOUR, PASSWORD + each) == "AUTHENTICATIONFAILED"
        assert login(server, NEIGHBOUR, PASSWORD + code) == "AUTHENTICATIONFAILED"
        assert login(server, NEIGHBOUR, phone) == "OK"
        ask = asking(server, tmp_path, monkeypatch, capsys)
        until(lambda: ask("audit", "--event", "login"))
        details = [each["detail"] for each in ask("audit", "--event", "failure")]
        assert details == ["wrong code", "wrong code", "too many wrong codes"]
        (ban,) = ask("audit", "--event", "ban")
        assert (ban["account"], ban["detail"]) == (KIM, "wrong codes, for 3600 seconds")
        server.check()
