"""The examples of the RFCs as dialogues, octet by octet, played on our server and on Dovecot.

A dialogue is lines said and what they are answered: a pattern for the first line, then the lines of a
multi-line answer. `None` says that the answer has no more lines than one.
"""

from __future__ import annotations

import re
import socket
from base64 import b64decode, b64encode

import pytest
from scramp import ScramClient

from tests.clients.conftest import fill
from tests.oracle import PASSWORD
from tests.places import Place

ONE = b"From: a@b\r\nSubject: one\r\n\r\n" + b"x" * 90 + b"\r\n"  # 120 octets
TWO = b"From: a@b\r\nSubject: two\r\n\r\n.\r\n..dots\r\nlast\r\n"

Lines = list[bytes] | None
Dialogue = list[tuple[bytes, bytes, Lines]]

UNIQUE = b"[!-~]{1,70}"

DIALOGUES: dict[str, Dialogue] = {
    "RFC 1939 5 STAT": [(b"STAT", rb"\+OK 2 (\d+)", None)],
    "RFC 1939 5 LIST": [
        (b"LIST", rb"\+OK.*", [b"1 %d" % len(ONE), b"2 %d" % len(TWO)]),
        (b"LIST 2", rb"\+OK 2 %d.*" % len(TWO), None),
        (b"LIST 3", rb"-ERR.*", None),
    ],
    "RFC 1939 5 RETR": [
        (b"RETR 1", rb"\+OK.*", ONE.split(b"\r\n")[:-1]),
        (b"retr 2", rb"\+OK.*", TWO.split(b"\r\n")[:-1]),
        (b"RETR 3", rb"-ERR.*", None),
        (b"RETR", rb"-ERR.*", None),
    ],
    "RFC 1939 5 DELE": [
        (b"DELE 1", rb"\+OK.*", None),
        (b"DELE 1", rb"-ERR.*", None),
        (b"STAT", rb"\+OK 1 %d" % len(TWO), None),
        (b"LIST", rb"\+OK.*", [b"2 %d" % len(TWO)]),
        (b"RETR 1", rb"-ERR.*", None),
        (b"TOP 1 0", rb"-ERR.*", None),
        (b"RSET", rb"\+OK.*", None),
        (b"STAT", rb"\+OK 2 %d" % len(ONE + TWO), None),
    ],
    "RFC 1939 5 NOOP": [(b"NOOP", rb"\+OK.*", None)],
    "RFC 1939 6 QUIT": [(b"DELE 1", rb"\+OK.*", None), (b"QUIT", rb"\+OK.*", None)],
    "RFC 1939 7 TOP": [
        (b"TOP 1 10", rb"\+OK.*", ONE.split(b"\r\n")[:-1]),
        (b"TOP 2 2", rb"\+OK.*", TWO.split(b"\r\n")[:5]),
        (b"TOP 2 0", rb"\+OK.*", TWO.split(b"\r\n")[:3]),
        (b"TOP 100 3", rb"-ERR.*", None),
        (b"TOP 1", rb"-ERR.*", None),
    ],
    "RFC 1939 7 UIDL": [
        (b"UIDL 2", rb"\+OK 2 " + UNIQUE, None),
        (b"UIDL 3", rb"-ERR.*", None),
    ],
    "RFC 1939 3 what is not a command": [
        (b"XYZZY", rb"-ERR.*", None),
        (b"USER again", rb"-ERR.*", None),
        (b"PASS again", rb"-ERR.*", None),
        (b"NOOP", rb"\+OK.*", None),
    ],
    "RFC 5034 4 a second AUTH": [(b"AUTH PLAIN", rb"-ERR.*", None)],
    "RFC 2595 4 STLS after login": [(b"STLS", rb"-ERR.*", None)],
}


class Raw:
    def __init__(self, place: Place) -> None:
        if not place.pop3:
            pytest.skip("dovecot-pop3d is not installed")
        self.socket = socket.create_connection((place.host, place.pop3), 30)
        self.file = self.socket.makefile("rb")
        self.line()

    def line(self) -> bytes:
        line = self.file.readline()
        assert line.endswith(b"\r\n"), line
        return line.removesuffix(b"\r\n")

    def say(self, *lines: bytes) -> None:
        self.socket.sendall(b"".join(line + b"\r\n" for line in lines))

    def hear(self, pattern: bytes, lines: Lines) -> None:
        first = self.line()
        assert re.fullmatch(pattern, first), first
        assert len(first) <= 510
        if lines is not None:
            heard = []
            while (line := self.line()) != b".":
                heard.append(line.removeprefix(b"."))
            assert heard == lines

    def __call__(self, said: bytes, pattern: bytes, lines: Lines = None) -> None:
        self.say(said)
        self.hear(pattern, lines)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def account(place: Place) -> str:
    """An account with the two messages of the standard's session; nobody says QUIT after DELE in it."""
    address = place.account()
    fill(place, address, [ONE, TWO])
    return address


def logged_in(place: Place, address: str) -> Raw:
    raw = Raw(place)
    raw(b"USER " + address.encode(), rb"\+OK.*")
    raw(b"PASS " + PASSWORD.encode(), rb"\+OK.*")
    return raw


@pytest.mark.parametrize("pipelined", [False, True], ids=["one by one", "at once"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(place: Place, account: str, name: str, pipelined: bool) -> None:
    if "QUIT" in name:
        account = place.account()
        fill(place, account, [ONE, TWO])
    raw = logged_in(place, account)
    if pipelined:
        raw.say(*[said for said, _, _ in DIALOGUES[name]])
    for said, pattern, lines in DIALOGUES[name]:
        if not pipelined:
            raw.say(said)
        raw.hear(pattern, lines)
    raw.close()


def test_sasl_plain(place: Place, account: str) -> None:
    """RFC 5034 6, with the response at once and after an empty challenge."""
    response = b64encode(b"\0%s\0%s" % (account.encode(), PASSWORD.encode()))
    for dialogue in (
        [(b"AUTH PLAIN " + response, rb"\+OK.*")],
        [(b"AUTH PLAIN", rb"\+ "), (response, rb"\+OK.*")],
        [(b"AUTH PLAIN", rb"\+ "), (b"*", rb"-ERR.*"), (b"AUTH PLAIN " + response, rb"\+OK.*")],
        [(b"AUTH NONSENSE", rb"-ERR.*"), (b"AUTH PLAIN " + response, rb"\+OK.*")],
        [(b"AUTH PLAIN", rb"\+ "), (b"=AAA", rb"-ERR.*"), (b"AUTH PLAIN " + response, rb"\+OK.*")],
    ):
        raw = Raw(place)
        for said, pattern in dialogue:
            raw(said, pattern)
        raw(b"STAT", rb"\+OK 2 \d+")
        raw.close()


def test_scram(place: Place, account: str) -> None:
    if place.name == "dovecot":
        pytest.skip("this Dovecot keeps its password as it is")
    raw = Raw(place)
    raw.say(b"CAPA")
    offered = []
    while (line := raw.line()) != b".":
        offered.append(line)
    (mechanisms,) = (line.split()[1:] for line in offered if line.startswith(b"SASL "))
    assert b"SCRAM-SHA-256" in mechanisms
    client = ScramClient(["SCRAM-SHA-256"], account, PASSWORD)
    raw.say(b"AUTH SCRAM-SHA-256 " + b64encode(client.get_client_first().encode()))
    client.set_server_first(b64decode(raw.line().removeprefix(b"+ ")).decode())
    raw.say(b64encode(client.get_client_final().encode()))
    # RFC 5034 4: what the server says last is a challenge; +OK has no room for it.
    client.set_server_final(b64decode(raw.line().removeprefix(b"+ ")).decode())
    raw(b"", rb"\+OK 2 messages.*")
    raw.close()


@pytest.mark.parametrize("said", [b"STAT", b"LIST", b"RETR 1", b"DELE 1", b"UIDL", b"TOP 1 1", b"RSET"])
def test_before_login(place: Place, said: bytes) -> None:
    raw = Raw(place)
    raw(said, rb"-ERR.*")
    raw(b"QUIT", rb"\+OK.*")
    assert raw.file.read() == b""
    raw.close()


def test_a_failed_login(place: Place) -> None:
    """RFC 3206 4: AUTH where it is the credentials."""
    raw = Raw(place)
    raw(b"USER " + place.account().encode(), rb"\+OK.*")
    raw(b"PASS wrong", rb"-ERR \[AUTH\] .*")
    raw.close()


def test_languages(place: Place, account: str) -> None:
    """RFC 6856 3.3"""
    if place.name == "dovecot":
        pytest.skip("Dovecot has no LANG")
    raw = logged_in(place, account)
    raw(b"LANG MUL", rb"-ERR .*")
    raw(b"LANG", rb"\+OK .*", [b"en English"])
    raw(b"LANG en", rb"\+OK en .+")
    raw(b"LANG uga", rb"-ERR .*")
    raw(b"LANG *", rb"\+OK en .+")
    raw.close()
