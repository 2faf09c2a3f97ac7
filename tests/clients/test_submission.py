"""Mail sent with the programs people send mail with, to somebody at another server."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.app.test_sending import Mailbox
from tests.clients.conftest import program, run
from tests.oracle import PASSWORD
from tests.zone import neighbours

LETTER = (
    b"From: Ann <ann@one.test>\nTo: bob@two.test\nSubject: by hand\nBcc: ann@one.test\n\n"
    b"two lines\n.and a dot\n"
)
FROM, TO = "ann@one.test", "bob@two.test"


@pytest.fixture(scope="module")
def pair() -> Iterator[Any]:
    with neighbours() as found:
        yield found


def received(pair: Any, send: Any) -> Message:
    """What bob gets when `send` has sent."""
    with Mailbox(pair[1], TO) as bob:
        before = bob.count()
        send()
        return bob.wait(before + 1)[-1]


def check(letter: Message, subject: str = "by hand") -> None:
    assert letter["Subject"] == subject
    assert letter["Return-Path"] == "<ann@one.test>"
    assert letter["Bcc"] is None
    assert ".and a dot" in letter.get_payload().splitlines()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(pair: Any, tmp_path: Path, mechanism: str) -> None:
    one = pair[0]
    (tmp_path / "letter").write_bytes(LETTER)
    where = ["--server", one.host, "--port", str(one.submission_port), "--tls"]
    who = ["--auth", mechanism, "--auth-user", FROM, "--auth-password", PASSWORD]
    letter = ["--from", FROM, "--to", TO, "--data", "@letter"]
    check(received(pair, lambda: run([program("swaks"), *where, *who, *letter], tmp_path)))


@pytest.mark.parametrize("secure", [True, False])
def test_curl(pair: Any, tmp_path: Path, secure: bool) -> None:
    one = pair[0]
    (tmp_path / "letter").write_bytes(LETTER.replace(b"\n", b"\r\n"))
    port = one.submissions_port if secure else one.submission_port
    url = f"{'smtps' if secure else 'smtp'}://127.0.0.1:{port}/client.test"
    check(
        received(
            pair,
            lambda: run(
                [
                    *(program("curl"), "--silent", "--show-error", "--url", url, "--ssl-reqd"),
                    *("--cacert", str(one.certificate), "--user", f"{FROM}:{PASSWORD}"),
                    *("--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", "letter"),
                ],
                tmp_path,
            ),
        )
    )


@pytest.mark.parametrize("secure", [True, False])
def test_msmtp(pair: Any, tmp_path: Path, secure: bool) -> None:
    one = pair[0]
    (tmp_path / "letter").write_bytes(LETTER)
    port = one.submissions_port if secure else one.submission_port
    command = (
        f"{program('msmtp')} --host=127.0.0.1 --port={port} --auth=on --user={FROM} --tls=on"
        f" --passwordeval='echo {PASSWORD}' --tls-starttls={'off' if secure else 'on'}"
        f" --tls-trust-file={one.certificate} --from={FROM} {TO} < letter"
    )
    check(received(pair, lambda: run(["sh", "-c", command], tmp_path)))


def test_mutt(pair: Any, tmp_path: Path) -> None:
    one = pair[0]
    (tmp_path / "body").write_text("two lines\n.and a dot\n")
    (tmp_path / "muttrc").write_text(
        f'set smtp_url="smtp://ann%40one.test@127.0.0.1:{one.submission_port}/"\n'
        f'set smtp_pass="{PASSWORD}"\nset from="{FROM}"\nset realname="Ann"\nset copy=no\n'
        "set ssl_starttls=no\nset ssl_force_tls=no\n"
    )
    command = f"{program('mutt')} -F muttrc -s 'by mutt' -b {FROM} -- {TO} < body"
    check(received(pair, lambda: run(["sh", "-c", command], tmp_path)), "by mutt")
