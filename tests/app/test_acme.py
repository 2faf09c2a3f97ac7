"""Certificates that the server orders by itself, from an authority that really looks."""

import datetime
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pillarbox.app.acme import files
from pillarbox.net import tls
from tests.app.authority import KEY, KEY_ID, Authority, chain_of, free_port, pebble
from tests.app.process import CONFIG, Running, running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with pebble(tmp_path_factory.mktemp("authority")) as made:
        yield made


def configure(folder: Path, acme: str, workers: int = 1) -> None:
    text = CONFIG.replace("workers = 1", f"workers = {workers}").replace('managesieve = "127.0.0.1:0"\n', "")
    (folder / "pillarbox.toml").write_text(text + acme)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "pillarbox", "--config", str(folder / "pillarbox.toml")]
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)


def status(folder: Path) -> dict[str, Any]:
    told = command(folder, "certificate", "status", "--json")
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_ordered_served_and_renewed_without_a_restart(
    tmp_path: Path, authority: Authority, workers: int
) -> None:
    configure(tmp_path, authority.configuration("mail.example.test", "imap.example.test"), workers)
    with running(tmp_path) as server:
        assert server.about["certificate"].endswith("tls/certificate.pem")  # signed by itself, for now
        assert server.event("new certificate")["names"] == "mail.example.test imap.example.test"
        server.event("certificates taken")
        port = server.port("imaps")
        first = chain_of(port, "mail.example.test")
        assert sorted(first["names"]) == ["imap.example.test", "mail.example.test"]
        assert "Pebble" in first["issuer"]
        with socket.create_connection(("127.0.0.1", port)) as before:  # somebody who is connected stays
            told = status(tmp_path)
            (served,) = told["certificates"]
            assert served["names"] == ["imap.example.test", "mail.example.test"]
            assert served["expired"] is False
            assert 25 < (served["until"] - told["acme"]["renewed"]) / 86_400 < 34
            assert command(tmp_path, "certificate", "renew").returncode == 0
            server.event("certificates taken")
            second = chain_of(port, "mail.example.test")
            assert second["serial"] != first["serial"]
            before.sendall(b"x")
        assert server.stop() == 0
    private = [path for path in files.folder(tmp_path / "var").rglob("*") if path.is_file()]
    assert any(path.name.startswith("account-") for path in private)
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert list((files.folder(tmp_path / "var") / "challenges").iterdir()) == []
    with running(tmp_path) as server:  # what is there is served from the first moment, and not ordered again
        assert chain_of(server.port("imaps"), "mail.example.test")["serial"] == second["serial"]
        assert server.stop() == 0
        assert "new certificate" not in server.events


def test_a_failure_keeps_what_is_served_and_is_told(tmp_path: Path, authority: Authority) -> None:
    authority.tell_dns("set-servfail", host="broken.example.test")
    configure(tmp_path, authority.configuration("broken.example.test"))
    with running(tmp_path) as server:
        told = server.event("no new certificate")
        assert "broken.example.test" in told["reason"]
        assert 300 <= told["again_in"] <= 375
        port = server.port("imaps")
        kept = chain_of(port, "broken.example.test")
        acme = status(tmp_path)["acme"]
        assert acme["failures"] == 1
        assert "broken.example.test" in acme["reason"]
        assert acme["again"] > time.time() + 200
        shown = command(tmp_path, "certificate", "status")
        assert shown.returncode == 1
        assert "broken.example.test" in shown.stdout and "failed" in shown.stdout
        command(tmp_path, "certificate", "renew")
        told = server.event("no new certificate")
        assert 600 <= told["again_in"] <= 750  # twice as long
        assert chain_of(port, "broken.example.test") == kept
        assert server.stop() == 0
    with running(tmp_path) as server:  # a restart is no reason to ask again at once
        server.event("ready")
        server.process.send_signal(signal.SIGHUP)
        server.event("reloaded")
        assert server.stop() == 0
        assert "no new certificate" not in server.events
    authority.tell_dns("clear-servfail", host="broken.example.test")


def test_dns_01_by_a_program_of_ones_own(tmp_path: Path, authority: Authority) -> None:
    hook = tmp_path / "hook"
    hook.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, urllib.request\n"
        "what, name, value = sys.argv[1:]\n"
        "body = {'host': name + '.'} if what == 'clear' else {'host': name + '.', 'value': value}\n"
        f"request = urllib.request.Request('{authority.dns}/' + what + '-txt', json.dumps(body).encode())\n"
        "urllib.request.urlopen(request).close()\n"
        f"print(what, name, file=open('{tmp_path}/called', 'a'))\n"
    )
    hook.chmod(0o755)
    names = ("*.wild.example.test", "wild.example.test")
    more = f'challenge = "dns-01"\nhook = ["{hook}"]\n'
    configure(tmp_path, authority.configuration(*names, more=more))
    with running(tmp_path) as server:
        server.event("certificates taken")
        assert sorted(chain_of(server.port("imaps"), "a.wild.example.test")["names"]) == sorted(names)
        assert "acme" not in {each["protocol"] for each in server.about["listeners"]}
        assert server.stop() == 0
    called = (tmp_path / "called").read_text().splitlines()
    assert sorted(set(called)) == [
        "clear _acme-challenge.wild.example.test",
        "set _acme-challenge.wild.example.test",
    ]


def test_a_program_that_fails_is_a_failure(tmp_path: Path, authority: Authority) -> None:
    more = 'challenge = "dns-01"\nhook = ["/bin/false"]\n'
    configure(tmp_path, authority.configuration("sad.example.test", more=more))
    with running(tmp_path) as server:
        assert "/bin/false set failed" in server.event("no new certificate")["reason"]


def test_an_authority_that_wants_to_know_who_asks(tmp_path: Path) -> None:
    with pebble(tmp_path, accounts=True) as strict:
        configure(tmp_path, strict.configuration("mail.example.test"))
        with running(tmp_path) as server:
            assert "acme.eab_key_id" in server.event("no new certificate")["reason"]
        more = f'eab_key_id = "{KEY_ID}"\neab_key = "{KEY}"\n'
        configure(tmp_path, strict.configuration("mail.example.test", more=more))
        assert command(tmp_path, "certificate", "renew").returncode == 0
        with running(tmp_path) as server:
            server.event("certificates taken")
            assert server.stop() == 0


def test_an_authority_that_is_not_there(tmp_path: Path, authority: Authority) -> None:
    gone = authority.configuration("mail.example.test").replace(
        authority.directory, "https://127.0.0.1:1/dir"
    )
    configure(tmp_path, gone)
    with running(tmp_path) as server:
        assert "the authority does not answer" in server.event("no new certificate")["reason"]


def ask(server: Running, path: str, method: str = "GET", place: str = "acme") -> tuple[int, bytes]:
    address = next(each["address"] for each in server.about["listeners"] if each["protocol"] == place)
    try:
        request = urllib.request.Request(f"http://{address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, b""


def test_the_visitor_finds_the_answer_and_nothing_else(tmp_path: Path) -> None:
    configure(
        tmp_path,
        '[acme]\nnames = ["mail.example.test"]\nagree_to_terms = true\nhttp = "127.0.0.1:0"\n'
        'directory = "https://127.0.0.1:1/dir"\n',
    )
    with running(tmp_path) as server:
        files.write(tmp_path / "var" / "acme" / "challenges" / "a-Token_1", b"a-Token_1.thumb")
        well_known = "/.well-known/acme-challenge/"
        assert ask(server, f"{well_known}a-Token_1") == (200, b"a-Token_1.thumb")
        assert ask(server, f"{well_known}a-Token_1", "HEAD") == (200, b"")
        for path in (
            "/",
            well_known,
            f"{well_known}other",
            f"{well_known}../state.json",
            f"{well_known}..%2fx",
        ):
            assert ask(server, path)[0] == 404
        assert ask(server, f"{well_known}a-Token_1", "POST")[0] == 404
        assert ask(server, "/" + "x" * 5000)[0] == 431
        assert server.stop() == 0


@pytest.mark.parametrize(
    "written, said",
    [
        ("", "acme.agree_to_terms"),
        ('agree_to_terms = true\nchallenge = "dns-01"\n', "acme.hook"),
        ('agree_to_terms = true\nchallenge = "carrier pigeon"\n', '"http-01", "dns-01"'),
        ('agree_to_terms = true\neab_key_id = "x"\n', "belong together"),
        ('agree_to_terms = true\n[tls]\ncertificate = "c"\nkey = "k"\n', "tls.certificate"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, written: str, said: str) -> None:
    configure(tmp_path, f'[acme]\nnames = ["mail.example.test"]\n{written}')
    refused = command(tmp_path, "serve")
    assert refused.returncode == 2
    assert said in refused.stderr


def test_certificates_in_files_have_a_status_too(tmp_path: Path) -> None:
    configure(tmp_path, '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n')
    now = datetime.datetime.now(datetime.UTC)
    for days, code, words in ((0, 0, "days left, by itself"), (2000, 1, "EXPIRED")):
        then = now - datetime.timedelta(days=days)
        tls.write_self_signed(tmp_path / "c.pem", tmp_path / "k.pem", "mail.example.test", then)
        shown = command(tmp_path, "certificate", "status")
        assert shown.returncode == code
        assert "localhost mail.example.test: until" in shown.stdout and words in shown.stdout
    assert not (tmp_path / "var").exists()
    refused = command(tmp_path, "certificate", "renew")
    assert refused.returncode == 1
    assert "nothing to order" in refused.stderr


@pytest.mark.parametrize(
    "http", ['"127.0.0.1:{port}"', '["127.0.0.1:{port}", "[::1]:0"]', '"0.0.0.0:{port}"']
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_with_the_site_is_answered_by_the_site(tmp_path: Path, http: str, workers: int) -> None:
    port = free_port()
    text = CONFIG.replace("workers = 1", f"workers = {workers}").replace('managesieve = "127.0.0.1:0"\n', "")
    acme = (
        '[acme]\nnames = ["mail.example.test"]\nagree_to_terms = true\n'
        f'http = {http.format(port=port).replace("0.0.0.0", "127.0.0.1")}\ndirectory = "https://127.0.0.1:1/dir"\n'
    )
    listen = http.format(port=port) if http.startswith('"') else f'"127.0.0.1:{port}"'
    (tmp_path / "pillarbox.toml").write_text(f"{text}http = {listen}\n{acme}")
    with running(tmp_path) as server:
        places = [(each["protocol"], each["address"]) for each in server.about["listeners"]]
        assert ("acme", f"127.0.0.1:{port}") not in places
        assert len([each for each in places if each[0] == "acme"]) == http.count("::1")
        files.write(tmp_path / "var" / "acme" / "challenges" / "a-Token_1", b"a-Token_1.thumb")
        well_known = "/.well-known/acme-challenge/"
        for place in {protocol for protocol, _ in places} & {"http", "acme"}:
            assert ask(server, f"{well_known}a-Token_1", place=place) == (200, b"a-Token_1.thumb")
            assert ask(server, f"{well_known}other", place=place)[0] == 404
            assert ask(server, f"{well_known}..%2fstate.json", place=place)[0] == 404
        assert ask(server, f"{well_known}a-Token_1", "HEAD", place="http") == (200, b"")
        assert ask(server, f"{well_known}a-Token_1", "POST", place="http")[0] == 405
        assert ask(server, "/sign-in", place="http")[0] == 200
        assert server.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
@pytest.mark.parametrize("everywhere", ["0.0.0.0", "*"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_site_on_one_address_leaves_the_visitor_all_others(
    tmp_path: Path, everywhere: str, workers: int
) -> None:
    """As where a proxy on the same machine asks the site on loopback."""
    port = free_port()
    text = CONFIG.replace("workers = 1", f"workers = {workers}").replace('managesieve = "127.0.0.1:0"\n', "")
    acme = (
        '[acme]\nnames = ["mail.example.test"]\nagree_to_terms = true\n'
        f'http = "{everywhere}:{port}"\ndirectory = "https://127.0.0.1:1/dir"\n'
    )
    (tmp_path / "pillarbox.toml").write_text(f'{text}http = "127.0.0.1:{port}"\n{acme}')
    with running(tmp_path) as server:
        files.write(tmp_path / "var" / "acme" / "challenges" / "a-Token_1", b"a-Token_1.thumb")
        for host, site in (("127.0.0.1", 200), ("127.0.0.2", 404)):
            answer = httpx.get(f"http://{host}:{port}/.well-known/acme-challenge/a-Token_1", timeout=20)
            assert (answer.status_code, answer.content) == (200, b"a-Token_1.thumb")
            assert httpx.get(f"http://{host}:{port}/sign-in", timeout=20).status_code == site
        assert server.stop() == 0


def test_a_certificate_is_ordered_by_the_site_s_port(tmp_path: Path, authority: Authority) -> None:
    text = CONFIG.replace('managesieve = "127.0.0.1:0"\n', "")
    http = f'http = "127.0.0.1:{authority.http_port}"\n'
    (tmp_path / "pillarbox.toml").write_text(text + http + authority.configuration("mail.example.test"))
    with running(tmp_path) as server:
        assert server.event("new certificate")["names"] == "mail.example.test"
        assert "acme" not in {each["protocol"] for each in server.about["listeners"]}
        assert server.stop() == 0
