"""Every command's line, right and wrong."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.smtp.address import Path
from pillarbox.smtp.table import ROWS, TABLE
from pillarbox.smtp.wire import command as wire
from pillarbox.smtp.wire.fault import Fault


def read(line: bytes) -> Any:
    verb, rest = wire.split(line)
    return TABLE[verb].read(rest)


A = Path("a", "b")

GOOD: list[tuple[bytes, Any]] = [
    (b"LHLO client.test", wire.Hello("client.test")),
    (b"lhlo [127.0.0.1] ", wire.Hello("[127.0.0.1]")),
    (b"MAIL FROM:<a@b>", wire.Mail(A)),
    (b"mail from:<a@b>", wire.Mail(A)),
    (b"MAIL FROM: <a@b>  ", wire.Mail(A)),
    (b"MAIL FROM:<>", wire.Mail(None)),
    (b"MAIL FROM:<a@b> SIZE=123", wire.Mail(A, size=123)),
    (
        b"MAIL FROM:<a@b> body=8bitmime SMTPUTF8 size=00012",
        wire.Mail(A, size=12, body="8BITMIME", utf8=True),
    ),
    ("MAIL FROM:<é@b> SMTPUTF8".encode(), wire.Mail(Path("é", "b"), utf8=True)),
    (b"RCPT TO:<a@b>", wire.Rcpt(A)),
    (b"RCPT TO:<@x,@y:a@b>", wire.Rcpt(A)),
    (b"RCPT TO:<Postmaster>", wire.Rcpt(Path("postmaster", ""))),
    (b"DATA", wire.Data()),
    (b"BDAT 0", wire.Bdat(0, last=False)),
    (b"BDAT 86 LAST", wire.Bdat(86, last=True)),
    (b"bdat 86 last", wire.Bdat(86, last=True)),
    (b"STARTTLS", wire.StartTls()),
    (b"RSET", wire.Rset()),
    (b"NOOP", wire.Noop()),
    (b"NOOP something", wire.Noop()),
    (b"QUIT", wire.Quit()),
    (b"QUIT ", wire.Quit()),
    (b"VRFY a", wire.Vrfy("a")),
    (b"HELP", wire.Help("")),
    (b"HELP mail", wire.Help("MAIL")),
]

GOOD += [
    (
        b"MAIL FROM:<a@b> RET=hdrs ENVID=QQ+2B1 AUTH=<> BODY=BINARYMIME",
        wire.Mail(
            Path("a", "b"),
            body="BINARYMIME",
            ret="HDRS",
            envid="QQ+1",
            extensions=frozenset(("DSN", "AUTH", "BINARYMIME")),
        ),
    ),
    (
        b"RCPT TO:<a@b> NOTIFY=success,DELAY ORCPT=rfc822;c+2Bd@e",
        wire.Rcpt(
            Path("a", "b"), frozenset(("SUCCESS", "DELAY")), "rfc822;c+d@e", extensions=frozenset(("DSN",))
        ),
    ),
    (b"AUTH plain", wire.Auth("PLAIN")),
    (b"AUTH PLAIN =", wire.Auth("PLAIN", b"")),
    (b"AUTH PLAIN AGEAYg==", wire.Auth("PLAIN", b"\0a\0b")),
    (b"EHLO [IPv6:::1]", wire.Hello("[IPv6:::1]")),
    (b"EXPN all", wire.Expn("all")),
]

BAD = [
    (b"LHLO", 501, "5.5.4"),
    (b"LHLO two words", 501, "5.5.4"),
    (b"MAIL", 501, "5.5.4"),
    (b"MAIL <a@b>", 501, "5.5.4"),
    (b"MAIL FROM <a@b>", 501, "5.5.4"),
    (b"MAIL TO:<a@b>", 501, "5.5.4"),
    (b"MAIL FROM:a@b", 501, "5.1.7"),
    (b"MAIL FROM:<a@b>SIZE=1", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SIZE", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SIZE=", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SIZE=-1", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SIZE=123456789012345678901", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SIZE=1 SIZE=1", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> BODY=NONSENSE", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> BODY", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> SMTPUTF8=1", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> X=1", 555, "5.5.4"),
    (b"MAIL FROM:<a@b> RET=ALL", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> ENVID=a+4", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> ENVID=a+0A", 501, "5.5.4"),
    (b"MAIL FROM:<a@b> ENVID=" + b"x" * 101, 501, "5.5.4"),
    (b"MAIL FROM:<a@b> =1", 501, "5.5.4"),
    (b"RCPT FROM:<a@b>", 501, "5.5.4"),
    (b"RCPT TO:<>", 501, "5.1.3"),
    (b"RCPT TO:<a>", 501, "5.1.3"),
    (b"RCPT TO:<a@b> NOTIFY=NEVER,DELAY", 501, "5.5.4"),
    (b"RCPT TO:<a@b> NOTIFY=", 501, "5.5.4"),
    (b"RCPT TO:<a@b> ORCPT=a@b", 501, "5.5.4"),
    (b"RCPT TO:<a@b> X=1", 555, "5.5.4"),
    (b"AUTH", 501, "5.5.4"),
    (b"AUTH PLAIN !", 501, "5.5.2"),
    (b"DATA now", 501, "5.5.4"),
    (b"BDAT", 501, "5.5.4"),
    (b"BDAT x", 501, "5.5.4"),
    (b"BDAT 1 FIRST", 501, "5.5.4"),
    (b"BDAT 1  LAST", 501, "5.5.4"),
    (b"BDAT -1 LAST", 501, "5.5.4"),
    (b"RSET x", 501, "5.5.4"),
    (b"QUIT x", 501, "5.5.4"),
    (b"STARTTLS x", 501, "5.5.4"),
    (b"VRFY", 501, "5.5.4"),
    (b"NOOP \x00", 500, "5.5.2"),
    (b"NOOP a\rb", 500, "5.5.2"),
    (b"NOOP \xff", 500, "5.5.2"),
]


@pytest.mark.parametrize(("line", "command"), GOOD)
def test_read(line: bytes, command: Any) -> None:
    assert read(line) == command


@pytest.mark.parametrize(("line", "code", "enhanced"), BAD)
def test_faults(line: bytes, code: int, enhanced: str) -> None:
    with pytest.raises(Fault) as fault:
        read(line)
    assert (fault.value.code, fault.value.enhanced) == (code, enhanced)


@settings(max_examples=300)
@given(st.sampled_from([row.verb.encode() for row in ROWS]), st.binary(max_size=40))
def test_any_line_is_a_command_or_a_fault(verb: bytes, rest: bytes) -> None:
    try:
        read(verb + b" " + rest)
    except Fault:
        return


def test_every_row_says_where_it_comes_from_and_how_it_is_used() -> None:
    for row in ROWS:
        assert row.rfc.startswith("RFC ")
        assert row.help.startswith(row.verb)
