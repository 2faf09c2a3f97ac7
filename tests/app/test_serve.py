"""`pillarbox serve` as a process of its own."""

import imaplib
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pillarbox.net import tls
from tests.app.process import CONFIG, command, login, running, served_certificate


def test_the_first_start_and_the_second(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        account = server.about["account"]
        assert account["address"] == "me@mail.example.test"
        login(server.port("imap"), account["address"], account["password"])
        assert [each["protocol"] for each in server.about["listeners"]] == [
            "imap",
            "imaps",
            "imaps",
            "lmtp",
            "smtp",
        ]
        assert server.event("this version does not speak")["protocol"] == "managesieve"
        assert server.stop() == 0
    certificate = Path(server.about["certificate"]).read_bytes()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    with running(tmp_path) as server:
        assert server.about["account"] is None
        login(server.port("imap"), account["address"], account["password"])
        assert server.stop(signal.SIGINT) == 0
    assert Path(server.about["certificate"]).read_bytes() == certificate


def test_people_read_a_table(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
    text = "".join(lines)
    for words in (
        "me@mail.example.test",
        "password",
        "IMAPS",
        "STARTTLS",
        "SSL/TLS",
        "127.0.0.1",
        "self-signed",
    ):
        assert words in text


def test_a_second_server_is_sent_away(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        second = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=20, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert f"Another server (process {server.process.pid}) is using" in second.stderr
        assert "Traceback" not in second.stderr


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        port = server.port("imap")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "pillarbox.toml").write_text(f'[listen]\nimap = "127.0.0.1:{port}"\n')
        second = subprocess.run(
            command(tmp_path / "other"), capture_output=True, text=True, timeout=20, check=False
        )
        # A start that failed made no account whose password nobody saw.
        (tmp_path / "other" / "pillarbox.toml").write_text(CONFIG)
        with running(tmp_path / "other") as third:
            assert third.about["account"] is not None
    assert second.returncode == 1
    assert f"pillarbox: Cannot listen on 127.0.0.1:{port} for imap: Address already in use" in second.stderr


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nonsense")
    (tmp_path / "pillarbox.toml").write_text('[tls]\ncertificate = "c.pem"\nkey = "c.pem"\n')
    failed = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=20, check=False)
    assert failed.returncode == 2
    assert "c.pem cannot be used" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_sighup_reloads_the_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    tls.write_self_signed(certificate, key, "one.test", datetime.now(UTC))
    by_default = CONFIG.replace("workers = 1\n", "")
    (tmp_path / "pillarbox.toml").write_text(by_default + '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n')
    with running(tmp_path) as server:
        port = server.port("imaps")
        first = served_certificate(port)
        tls.write_self_signed(certificate, key, "two.test", datetime.now(UTC))
        assert served_certificate(port) == first
        server.process.send_signal(signal.SIGHUP)
        server.event("reloaded")
        assert "a change of these keys needs a restart" not in server.events
        second = served_certificate(port)
        assert second != first
        certificate.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        server.event("not reloaded, everything stays as it was")
        assert served_certificate(port) == second
        assert server.stop() == 0


def test_sessions_are_told_when_the_server_stops(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        imap = imaplib.IMAP4("127.0.0.1", server.port("imap"))
        imap.login(server.about["account"]["address"], server.about["account"]["password"])
        server.process.send_signal(signal.SIGTERM)
        assert imap.readline().startswith(b"* BYE")
        imap.shutdown()
        assert server.process.wait(20) == 0
