"""Several processes that are one server: what clients notice of it, and what they must not."""

from __future__ import annotations

import asyncio
import imaplib
import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.client import Client, Refusal
from pillarbox.app import accounts
from pillarbox.app.config import Config
from pillarbox.app.guard import guarding
from pillarbox.app.orders import Begin
from pillarbox.app.serve import foundation
from pillarbox.app.wiring import core
from pillarbox.app.worker import keeper
from pillarbox.app.workers import FIRST_PAUSE, LONGEST_PAUSE, Several
from pillarbox.model.flags import FLAGGED
from pillarbox.net import tls
from pillarbox.net.certificates import Material
from pillarbox.store import flags
from pillarbox.store.files import account_folder
from pillarbox.store.files import accounts as accounts_in
from pillarbox.testing.server import MailServer
from pillarbox.testing.verbs import Verbs
from tests.app.process import CONFIG, Running, accepting, command, running, served_certificate

HOST, ADDRESS, PASSWORD = "127.0.0.1", "kim@example.test", "secret"
MESSAGE = b"Subject: hello\r\n\r\nx\r\n"
TWO = CONFIG.replace("workers = 1", "workers = 2").replace("unix:run/lmtp", "127.0.0.1:0")


_open: list[Client | smtplib.LMTP | imaplib.IMAP4_SSL] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Connections end with the test."""
    yield
    while _open:
        client = _open.pop()
        client.shutdown() if isinstance(client, imaplib.IMAP4_SSL) else client.close()


def dial(workers: dict[int, int], worker: int, port: int) -> Client:
    with accepting(workers, worker):
        client = Client(HOST, port)
    _open.append(client)
    return client


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer(workers=2) as server:
        server.add_account(ADDRESS, PASSWORD)
        yield server
        server.check()


def connect(server: MailServer, worker: int, user: str = ADDRESS, password: str = PASSWORD) -> Client:
    client = dial(server.workers, worker, server.imap_port)
    client.login(user, password)
    return client


def account(server: MailServer, *arguments: str, typed: str = "") -> None:
    """The command line, beside the running server."""
    config = server.data.parent / "pillarbox.toml"
    config.write_text(f'data = "{server.data}"\n')
    subprocess.run(
        [sys.executable, "-m", "pillarbox", "--config", str(config), "account", *arguments],
        input=typed,
        text=True,
        check=True,
        capture_output=True,
    )


def idle(client: Client, mailbox: bytes = b"INBOX") -> None:
    client.command(b"SELECT " + mailbox)
    client.send(b"IDLE")
    assert client.line().startswith(b"+")


def heard(client: Client, words: bytes) -> None:
    while words not in client.line():
        pass


@pytest.mark.parametrize(("listener", "writer"), [(1, 2), (2, 1)])
def test_what_one_worker_does_is_pushed_by_the_other(server: MailServer, listener: int, writer: int) -> None:
    listening, writing = connect(server, listener), connect(server, writer)
    mailbox = b"pushed%d" % listener
    writing.command(b"CREATE " + mailbox)
    idle(listening, mailbox)
    writing.append(mailbox, [MESSAGE])
    heard(listening, b"* 1 EXISTS")
    writing.command(b"SELECT " + mailbox)
    writing.command(rb"STORE 1 +FLAGS.SILENT (\Deleted)")
    heard(listening, rb"* 1 FETCH (FLAGS (\Deleted")
    writing.command(b"EXPUNGE")
    heard(listening, b"* 1 EXPUNGE")


def test_a_delivery_is_pushed_by_the_other(server: MailServer) -> None:
    listening = connect(server, 1)
    idle(listening)
    with accepting(server.workers, 2):
        lmtp = smtplib.LMTP(HOST, server.lmtp_port)
    with lmtp:
        lmtp.sendmail("ada@example.test", [ADDRESS], MESSAGE)
    heard(listening, b"EXISTS")


def test_a_worker_that_was_busy_has_missed_nothing(server: MailServer) -> None:
    server.add_account("bob@example.test", PASSWORD)
    listening, noisy, writing = connect(server, 1), connect(server, 2, "bob@example.test"), connect(server, 2)
    writing.command(b"CREATE missed")
    idle(listening, b"missed")
    listening.socket.settimeout(30)  # half of what the sweep would take to find it
    with accepting(server.workers, 2):  # while the other does nothing, its queue of rings runs over
        for _ in range(40):
            noisy.append(b"INBOX", [MESSAGE])
        writing.append(b"missed", [MESSAGE])
    heard(listening, b"* 1 EXISTS")


def test_a_password_that_was_changed_counts_at_once_everywhere(server: MailServer) -> None:
    server.add_account("pat@example.test", "old")
    for worker in (1, 2):  # from now on each remembers it
        connect(server, worker, "pat@example.test", "old")
    account(server, "password", "pat@example.test", "--password-stdin", typed="new\n")
    for worker in (1, 2):
        with pytest.raises(Refusal, match="AUTHENTICATIONFAILED"):
            connect(server, worker, "pat@example.test", "old")
        connect(server, worker, "pat@example.test", "new")


def test_an_account_that_is_deleted_while_its_user_is_here(server: MailServer) -> None:
    server.add_account("ann@example.test", PASSWORD)
    listening, other = (connect(server, worker, "ann@example.test") for worker in (1, 2))
    idle(listening)
    other.command(b"SELECT INBOX")
    account(server, "delete", "ann@example.test", "--yes")
    heard(listening, b"* BYE")
    with pytest.raises(Refusal, match=r"NO|BYE|closed"):
        other.append(b"INBOX", [MESSAGE])
    with pytest.raises(Refusal, match="AUTHENTICATIONFAILED"):
        connect(server, 2, "ann@example.test")
    server.add_account("ann@example.test", PASSWORD)
    connect(server, 1, "ann@example.test")


# From here on each test has a server of its own, because it does not outlive the test.


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "pillarbox.toml").write_text(TWO)
    with running(tmp_path) as server:
        server.event("ready")
        yield server


def client_of(server: Running, worker: int) -> Client:
    client = dial(server.workers, worker, server.port("imap"))
    client.login(server.about["account"]["address"], server.about["account"]["password"])
    return client


def test_a_worker_that_ends_loses_only_its_own(alone: Running) -> None:
    lost, kept = client_of(alone, 1), client_of(alone, 2)
    idle(kept)
    killed = alone.workers[1]
    os.kill(killed, signal.SIGKILL)
    with pytest.raises((Refusal, OSError)):
        lost.command(b"NOOP")
    del alone.workers[1]
    for _ in range(5):
        client_of(alone, 2)
    ended = alone.event("ended")
    assert (ended["worker"], ended["pid"], ended["status"]) == (1, killed, "SIGKILL")
    assert alone.event("begun")["worker"] == 1
    again = client_of(alone, 1)
    again.append(b"INBOX", [MESSAGE])
    heard(kept, b"* 1 EXISTS")
    # Told to end in order, it drains, and is replaced too.
    os.kill(alone.workers[1], signal.SIGTERM)
    heard(again, b"* BYE")
    assert alone.event("ended")["status"] == "0"
    assert alone.event("begun")["worker"] == 1
    client_of(alone, 1).append(b"INBOX", [MESSAGE])
    heard(kept, b"* 2 EXISTS")


def test_stopping_lets_everybody_finish(alone: Running, tmp_path: Path) -> None:
    address = alone.about["account"]["address"]
    idling, appending = client_of(alone, 1), client_of(alone, 2)
    idle(idling)
    body = MESSAGE + b"appended\r\n" * 10_000
    appending.socket.sendall(b"a APPEND INBOX {%d+}\r\n" % len(body) + body[:1000])
    with accepting(alone.workers, 2):
        delivering = smtplib.LMTP(HOST, alone.port("lmtp"), local_hostname="here.test")
    _open.append(delivering)
    delivering.ehlo("here.test")
    delivering.mail("ada@example.test")
    delivering.rcpt(address)
    delivering.putcmd("data")
    assert delivering.getreply()[0] == 354
    delivering.send(b"Subject: delivered\r\n\r\n")
    alone.process.send_signal(signal.SIGTERM)
    heard(idling, b"* BYE")
    delivering.send(b"the rest\r\n.\r\n")
    assert delivering.getreply()[0] == 250
    assert delivering.getreply()[0] == 421
    appending.socket.sendall(body[1000:] + b"\r\n")
    assert appending.line().startswith(b"a OK")
    heard(appending, b"* BYE")
    assert alone.process.wait(20) == 0
    (inbox,) = [each for each in shown(tmp_path, address)["mailboxes"] if each["path"] == "INBOX"]
    assert inbox["messages"] == 2


def shown(folder: Path, address: str) -> Any:
    config = str(folder / "pillarbox.toml")
    words = [sys.executable, "-m", "pillarbox", "--config", config, "account", "show", address, "--json"]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def test_a_second_signal_does_not_wait(alone: Running) -> None:
    client = client_of(alone, 1)
    client.socket.sendall(b"a APPEND INBOX {1000000+}\r\nx")  # and it never comes to an end
    bystander = client_of(alone, 1)
    alone.process.send_signal(signal.SIGTERM)
    heard(bystander, b"* BYE")
    alone.process.send_signal(signal.SIGTERM)
    assert alone.process.wait(8) == 0


def test_a_terminal_interrupts_all_and_only_the_parent_answers(alone: Running) -> None:
    client = client_of(alone, 1)
    os.killpg(alone.process.pid, signal.SIGINT)
    heard(client, b"* BYE")
    assert alone.process.wait(20) == 0
    assert alone.process.stderr is not None
    said = alone.process.stderr.read()
    assert "Traceback" not in said
    assert said.count('"stopping"') == said.count('"stopped"') == 1
    assert '"ended"' not in said


def test_nothing_outlives_the_parent(alone: Running) -> None:
    client = client_of(alone, 1)
    alone.process.kill()
    heard(client, b"* BYE")
    assert alone.process.stderr is not None
    assert "Traceback" not in alone.process.stderr.read()  # to its end: nobody has it open any longer


def write_certificate(folder: Path, name: str) -> None:
    tls.write_self_signed(folder / "c.pem", folder / "k.pem", name, datetime.now(UTC))


def test_reloading(tmp_path: Path) -> None:
    toml = TWO + '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
    (tmp_path / "pillarbox.toml").write_text(toml)
    write_certificate(tmp_path, "one.test")
    with running(tmp_path) as server:
        server.event("ready")
        served = certificates(server)
        first = served()
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with accepting(server.workers, 1):
            here = imaplib.IMAP4_SSL(HOST, server.port("imaps"), ssl_context=trusting)
            _open.append(here)
        # All of it: a certificate, a key that may change, and one that may not.
        write_certificate(tmp_path, "two.test")
        changed = toml.replace("workers = 2", "workers = 3") + '[auth]\ncleartext = "never"\n'
        (tmp_path / "pillarbox.toml").write_text(changed)
        server.process.send_signal(signal.SIGHUP)
        assert server.event("a change of these keys needs a restart")["keys"] == "workers"
        server.event("reloaded")
        second = served()
        assert first.isdisjoint(second)
        with imaplib.IMAP4(HOST, server.port("imap")) as plain:
            assert "LOGINDISABLED" in plain.capabilities
        assert here.noop()[0] == "OK"
        # A certificate that is none, and then a configuration that is none.
        (tmp_path / "c.pem").write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        assert "c.pem" in server.event("not reloaded, everything stays as it was")["reason"]
        (tmp_path / "pillarbox.toml").write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        assert "pillarbox.toml" in server.event("not reloaded, everything stays as it was")["reason"]
        assert served() == second
        # Who begins now begins with what is in force, not with what the files say.
        os.kill(server.workers[2], signal.SIGKILL)
        server.event("begun")
        assert served() == second
        assert here.noop()[0] == "OK"
        assert server.stop() == 0


def certificates(server: Running) -> Callable[[], set[bytes]]:
    """What every worker shows to new connections."""

    def served() -> set[bytes]:
        shown = set()
        for worker in (1, 2):
            with accepting(server.workers, worker):
                shown.add(served_certificate(server.port("imaps")))
        return shown

    return served


def test_a_start_that_fails_says_why_once(tmp_path: Path) -> None:
    (tmp_path / "pillarbox.toml").write_text(TWO)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "accounts").write_text("in the way")
    failed = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=20, check=False)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.count("accounts") == 1
    assert "Traceback" not in failed.stderr


def test_the_keeper_finishes_what_was_begun(tmp_path: Path) -> None:
    config = Config(data=str(tmp_path / "var"), workers=2)

    async def scene() -> None:
        async with core(config) as parts:
            ann = await accounts.add(parts.directory, parts.store, "ann@example.test", None)
            parts.directory.delete(ann.prefix)  # and then the machine went down
        folder = account_folder(config.data_folder, ann.prefix)
        assert folder.exists()
        async with keeper(Begin(config, Material(()), ())):
            assert not folder.exists()

    asyncio.run(scene())


def test_what_keeps_dying_is_begun_ever_more_slowly(tmp_path: Path) -> None:
    pauses: list[float] = []

    class Dying(Several):
        def spawn(self, number: int, end: socket.socket) -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-S", "-c", ""])

        async def pause(self, seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 12:
                self._stopping.set()

    async def scene() -> None:
        config = Config(data=str(tmp_path / "var"), workers=1)

        def tell(event: str, **fields: object) -> None:
            pass

        with foundation(config, tell) as ready:
            async with guarding(config, tell, pytest.fail) as truth:  # type: ignore[arg-type]
                server = Dying(config, ready, tell, "text", None, truth)
                keeper, _ = server._members
                keeper.began.set_result(None)
                await keeper.keep()

    asyncio.run(scene())
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE


def test_what_the_dead_told_nobody_is_heard(alone: Running, tmp_path: Path) -> None:
    client, other = client_of(alone, 2), client_of(alone, 2)
    idle(client)
    other.append(b"INBOX", [MESSAGE])
    heard(client, b"1 EXISTS")
    data = tmp_path / "var"
    (number,) = accounts_in(data)
    verbs = Verbs(account_folder(data, number), now=int(time.time()))
    verbs.write(flags.store_flags, verbs.inbox, ((1, 1),), "add", (FLAGGED,))  # and rings nobody
    os.kill(alone.workers[1], signal.SIGKILL)
    heard(client, b"FETCH (FLAGS (\\Flagged")
    verbs.database.close()


def test_nobody_reads_the_log(alone: Running) -> None:
    """Whoever collected it has died: that is no reason to stop serving, nor not to stop."""
    assert alone.process.stderr is not None
    client = client_of(alone, 2)
    alone.process.stderr.close()
    os.kill(alone.workers[1], signal.SIGKILL)
    client.command(b"NOOP")
    alone.process.send_signal(signal.SIGTERM)
    heard(client, b"* BYE")
    assert alone.process.wait(20) == 0
