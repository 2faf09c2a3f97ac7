"""Every command's line, right and wrong."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.pop3.table import ROWS, TABLE
from pillarbox.pop3.wire import command as wire
from pillarbox.pop3.wire.fault import Fault


def read(line: bytes) -> Any:
    keyword, rest = wire.split(line)
    return TABLE[keyword].read(rest)


GOOD: list[tuple[bytes, Any]] = [
    (b"USER mrose", wire.User("mrose")),
    (b"user mrose ", wire.User("mrose")),
    ("USER zoë@example.org".encode(), wire.User("zoë@example.org")),
    (b"PASS secret", wire.Pass("secret")),
    (b"PASS  with spaces ", wire.Pass(" with spaces ")),
    ("PASS ü".encode(), wire.Pass("ü")),
    (b"AUTH PLAIN", wire.Auth("PLAIN")),
    (b"auth plain", wire.Auth("PLAIN")),
    (b"AUTH PLAIN =", wire.Auth("PLAIN", b"")),
    (b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=", wire.Auth("PLAIN", b"test\0test\0test")),
    (b"AUTH SCRAM-SHA-256-PLUS", wire.Auth("SCRAM-SHA-256-PLUS")),
    (b"STLS", wire.Stls()),
    (b"CAPA", wire.Capa()),
    (b"capa ", wire.Capa()),
    (b"UTF8", wire.Utf8()),
    (b"LANG", wire.Lang(None)),
    (b"LANG es", wire.Lang("es")),
    (b"LANG de-CH-1996", wire.Lang("de-CH-1996")),
    (b"LANG *", wire.Lang("*")),
    (b"STAT", wire.Stat()),
    (b"LIST", wire.List()),
    (b"LIST ", wire.List()),
    (b"LIST 2", wire.List(2)),
    (b"UIDL", wire.Uidl()),
    (b"UIDL 3", wire.Uidl(3)),
    (b"RETR 1", wire.Retr(1)),
    (b"retr 0001", wire.Retr(1)),
    (b"RETR 4294967296", wire.Retr(4294967296)),
    (b"TOP 1 10", wire.Top(1, 10)),
    (b"TOP 100 0", wire.Top(100, 0)),
    (b"DELE 1", wire.Dele(1)),
    (b"NOOP", wire.Noop()),
    (b"RSET", wire.Rset()),
    (b"QUIT", wire.Quit()),
]

BAD = [
    b"",
    b" ",
    b"XX",
    b"APOPS x",
    b" STAT",
    b"USER",
    b"USER ",
    b"USER \xff",
    b"PASS",
    b"PASS ",
    b"PASS \xc0\x80",
    b"PASS a\x00b",
    b"NOOP a\rb",
    b"AUTH",
    b"AUTH ",
    b"AUTH two/words",
    b"AUTH PLAIN =AAA",
    b"AUTH PLAIN AAA=BBB",
    b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3R=",  # not canonical
    b"AUTH PLAIN dGVzdA",
    b"AUTH PLAIN d G V z",
    b"AUTH PLAIN \xc3\xbc",
    b"STLS now",
    b"CAPA all",
    b"UTF8 ON",
    b"LANG not_a_language",
    b"LANG en de",
    b"STAT 1",
    b"LIST x",
    b"LIST -1",
    b"LIST 1 2",
    b"LIST 12345678901",
    "LIST ٣".encode(),
    b"UIDL 1.0",
    b"RETR",
    b"RETR one",
    b"TOP",
    b"TOP 1",
    b"TOP 1 -1",
    b"TOP 1  1",
    b"TOP x 1",
    b"DELE",
    b"DELE *",
    b"NOOP x",
    b"RSET 1",
    b"QUIT now",
]


@pytest.mark.parametrize(("line", "command"), GOOD)
def test_read(line: bytes, command: Any) -> None:
    assert read(line) == command


@pytest.mark.parametrize("line", BAD)
def test_faults(line: bytes) -> None:
    with pytest.raises(Fault):
        read(line)


@settings(max_examples=300)
@given(st.sampled_from([row.keyword.encode() for row in ROWS]), st.binary(max_size=40))
def test_any_line_is_a_command_or_a_fault(keyword: bytes, rest: bytes) -> None:
    try:
        read(keyword + b" " + rest)
    except Fault:
        return


def test_no_password_shows() -> None:
    assert "secret" not in repr(wire.Pass("secret")) + repr(wire.Auth("PLAIN", b"\0a\0secret"))


def test_every_row_says_where_it_comes_from_and_is_tried_here() -> None:
    tried = {line.split()[0].decode().upper() for line, _ in GOOD}
    assert tried == set(TABLE)
    for row in ROWS:
        assert row.rfc.startswith("RFC ")
