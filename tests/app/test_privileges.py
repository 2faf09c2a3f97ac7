"""A server that root starts, and that is nobody of importance from then on."""

import grp
import imaplib
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pillarbox
from pillarbox.net import tls
from tests.app import process
from tests.app.process import CONFIG, Running, login, served_certificate

USER = "nobody"


def interpreter() -> tuple[str, dict[str, str]] | None:
    """A Python with our packages that the user can run; ours may be in root's home."""
    root = str(Path(pillarbox.__file__).parent.parent)
    paths = [root, *(each for each in sys.path if each.endswith("site-packages"))]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            ran = subprocess.run(
                [python, "-c", "import uvloop, apsw, pillarbox.app.worker"],
                env={**os.environ, **environment},
                user=USER,
                group=USER if USER in [each.gr_name for each in grp.getgrall()] else None,
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if ran.returncode == 0:
            return python, environment
    return None


FOUND = interpreter() if os.geteuid() == 0 else None
PYTHON, ENVIRONMENT = FOUND or ("", {})

pytestmark = pytest.mark.skipif(FOUND is None, reason="needs root, and a Python that others may run")


def running(folder: Path) -> AbstractContextManager[Running]:
    return process.running(folder, python=PYTHON, environment=ENVIRONMENT)


def failing(folder: Path, user: str | None = None) -> tuple[int, str]:
    """Exit code and last words of a server that does not begin."""
    ran = subprocess.run(
        process.command(folder, python=PYTHON),
        env={**os.environ, **ENVIRONMENT},
        user=user,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return ran.returncode, ran.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user may walk into, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="pillarbox-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def low_port() -> int:
    """One that only root may listen on, and nobody does: any, as other tests look for one, too."""
    for port in random.sample(range(513, 1024), 511):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every low port is taken")


def config(folder: Path, *, port: int = 0, workers: int = 2, more: str = "") -> None:
    text = CONFIG.replace("workers = 1", f'workers = {workers}\n[process]\nuser = "{USER}"')
    text = text.replace('imap = "127.0.0.1:0"', f'imap = "127.0.0.1:{port}"')
    (folder / "pillarbox.toml").write_text(text + more)
    (folder / "pillarbox.toml").chmod(0o644)


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


def all_begun(server: Running, workers: int) -> None:
    while len(server.workers) < workers + 1:
        server.event("begun")


@pytest.mark.parametrize("workers", [1, 2])
def test_ports_are_bound_by_root_and_served_by_the_user(folder: Path, workers: int) -> None:
    port = low_port()
    config(folder, port=port, workers=workers)
    user = pwd.getpwnam(USER)
    with running(folder) as server:
        if workers > 1:
            all_begun(server, workers)
        account = server.about["account"]
        login(port, account["address"], account["password"])
        with imaplib.IMAP4("127.0.0.1", port) as imap:
            imap.login(account["address"], account["password"])
            imap.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"x" * 200_000)
        processes = list(family(server.process.pid))
        assert len(processes) >= (1 if workers == 1 else workers + 2)
        for pid in processes:
            told = status(pid)
            assert set(told["Uid"].split()) == {str(user.pw_uid)}
            assert set(told["Gid"].split()) == {str(user.pw_gid)}
            assert {int(each) for each in told["Groups"].split()} == set(os.getgrouplist(USER, user.pw_gid))
            assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == int(told["CapAmb"], 16) == 0
            assert told["NoNewPrivs"] == "1"
        made = [folder / "var", *(folder / "var").rglob("*")]
        assert len(made) > 10
        for each in made:
            if each.exists():
                assert each.lstat().st_uid == user.pw_uid, each
                assert each.is_socket() or not each.lstat().st_mode & 0o077, each
        # The socket for the server in front, which is another user, in a folder that it may walk into.
        assert (folder / "run").stat().st_mode & 0o777 == 0o755
        assert server.stop() == 0
    assert not (folder / "run" / "lmtp").exists()


def test_commands_of_root_leave_nothing_that_the_server_cannot_use(folder: Path) -> None:
    config(folder)
    program = [PYTHON, "-m", "pillarbox", "--config", str(folder / "pillarbox.toml")]
    with running(folder) as server:
        environment = {**os.environ, **ENVIRONMENT}
        for words in (["account", "add", "kim@example.test"], ["audit"], ["check"]):
            subprocess.run([*program, *words], env=environment, check=True, capture_output=True)
        uid = pwd.getpwnam(USER).pw_uid
        assert {each.lstat().st_uid for each in (folder / "var").rglob("*")} == {uid}
        assert server.stop() == 0
    (folder / "pillarbox.toml").chmod(0o600)
    refused = subprocess.run(
        [*program, "account", "list"], env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "has to be readable by nobody" in refused.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_key_for_root_only_is_read_at_the_start_and_stays_when_it_cannot_be_read_again(
    folder: Path, workers: int
) -> None:
    certificate, key = folder / "c.pem", folder / "k.pem"
    tls.write_self_signed(certificate, key, "one.test", datetime.now(UTC))
    named = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n'
    config(folder, workers=workers, more=named)
    assert key.stat().st_mode & 0o777 == 0o600
    with running(folder) as server:
        assert server.event("readable by root only, so a new one takes a restart")["file"] == str(key)
        first = served_certificate(server.port("imaps"))
        tls.write_self_signed(certificate, key, "two.test", datetime.now(UTC))
        config(folder, workers=workers, more=named + '[auth]\ncleartext = "never"\n')
        server.process.send_signal(signal.SIGHUP)
        told = server.event("these certificates can be read by root only; the ones in use stay")
        assert told["file"] == str(key)
        server.event("reloaded")
        assert served_certificate(server.port("imaps")) == first
        with imaplib.IMAP4("127.0.0.1", server.port("imap")) as imap:
            assert "LOGINDISABLED" in imap.capabilities  # what else was changed holds
        os.chown(key, pwd.getpwnam(USER).pw_uid, -1)
        server.process.send_signal(signal.SIGHUP)
        server.event("reloaded")
        assert served_certificate(server.port("imaps")) != first
        assert server.stop() == 0


def test_a_folder_that_is_not_the_users(folder: Path) -> None:
    config(folder)
    (folder / "var").mkdir()
    code, said = failing(folder)
    assert code == 1
    assert f"`chown -R nobody {folder / 'var'}` makes it so" in said


def test_root_writes_through_no_link_that_the_user_has_left(folder: Path) -> None:
    config(folder)
    precious = folder / "precious"
    precious.write_text("precious")
    (folder / "var").mkdir()
    (folder / "var" / "serve.lock").symlink_to(precious)
    os.chown(folder / "var", pwd.getpwnam(USER).pw_uid, -1)
    assert failing(folder)[0] == 1
    assert precious.read_text() == "precious"


@pytest.mark.parametrize(
    "line, said",
    [
        ('user = "nobody-of-that-name"', "there is no user nobody-of-that-name"),
        (f'user = "{USER}"\ngroup = "no-such-group"', "there is no group no-such-group"),
        ('user = "root"', "root is not somebody to become"),
    ],
)
def test_whom_nobody_can_become(folder: Path, line: str, said: str) -> None:
    (folder / "pillarbox.toml").write_text(f"[process]\n{line}\n")
    code, told = failing(folder)
    assert code == 2
    assert said in told
    assert not (folder / "var").exists()


def test_who_is_not_root_becomes_nobody_else(folder: Path) -> None:
    (folder / "pillarbox.toml").write_text('[process]\nuser = "mail"\n')
    code, told = failing(folder, USER)
    assert code == 2
    assert "only root can become mail" in told
