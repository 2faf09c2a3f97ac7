"""The unit for systemd, as systemd itself judges it, and what the server tells systemd."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from pillarbox.app.config import Acme, Config, Listen, Process
from pillarbox.app.unit import unit
from tests.app import process
from tests.app.conftest import Run

LOW = """\
data = "/var/lib/pillarbox"
[process]
user = "mail"
[listen]
imaps = "*:993"
lmtp = "unix:/run/pillarbox/lmtp"
"""
MOST = 20  # of 100 points of exposure, the more the worse; 20 is what `systemd-analyze` calls OK


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.mark.parametrize("written", [LOW, 'data = "var of mine"\n[process]\nuser = "mail"\n'])
def test_systemd_finds_it_right_and_tight(run: Run, analyze: str, written: str, tmp_path: Path) -> None:
    Path("pillarbox.toml").write_text(written)
    printed = run("systemd")
    assert printed.code == 0
    file = tmp_path / "pillarbox.service"
    file.write_text(printed.out)
    verified = subprocess.run([analyze, "verify", file], capture_output=True, text=True, check=False)
    about_ours = [line for line in verified.stderr.splitlines() if "pillarbox.service" in line]
    assert (verified.returncode, about_ours) == (0, [])
    judged = subprocess.run(
        [analyze, "security", "--offline=yes", f"--threshold={MOST}", file],
        env={**os.environ, "SYSTEMD_PAGER": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout


def test_it_is_given_what_the_configuration_needs() -> None:
    config = Config(data="/var/lib/pillarbox", listen=Listen(imaps="*:993", lmtp="unix:/run/pillarbox/lmtp"))
    lines = unit(
        config, Path("/etc/pillarbox/pillarbox.toml"), Path("/opt/pillarbox/bin/pillarbox")
    ).splitlines()
    for line in (
        "ExecStart=/opt/pillarbox/bin/pillarbox --config /etc/pillarbox/pillarbox.toml serve",
        "User=pillarbox",
        "StateDirectory=pillarbox",
        "RuntimeDirectory=pillarbox",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "ProtectHome=yes",
    ):
        assert line in lines
    visited = Config(acme=Acme(names=("mail.example.test",)))
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit(visited, None, Path("/p")).splitlines()
    config = Config(
        data="/srv/my mail",
        listen=Listen(imaps="*:1993", lmtp="unix:/srv/lmtp/socket"),
        process=Process("kim"),
    )
    lines = unit(config, None, Path("/srv/kim/100%/pillarbox")).splitlines()
    for line in (
        "ExecStart=/srv/kim/100%%/pillarbox serve",
        "User=kim",
        'ReadWritePaths="/srv/my mail" /srv/lmtp',
        "AmbientCapabilities=",
    ):
        assert line in lines


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_the_manager_hears_that_it_is_ready_reloads_lives_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = str(tmp_path / "notify") if kind == "file" else f"@pillarbox-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path.replace("@", "\0"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")

        def until(word: str) -> list[str]:
            heard: list[str] = []
            while word not in heard:
                heard += manager.recv(1000).decode().splitlines()
            return heard

        with process.running(tmp_path) as server:
            until("READY=1")
            until("WATCHDOG=1")
            server.process.send_signal(signal.SIGHUP)
            told = until("READY=1")
            assert "RELOADING=1" in told
            assert any(line.startswith("MONOTONIC_USEC=") for line in told)
            server.process.send_signal(signal.SIGTERM)
            until("STOPPING=1")
            assert server.process.wait(20) == 0
