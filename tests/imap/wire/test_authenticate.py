import pytest

from pillarbox.imap.wire.authenticate import Authenticate, Challenge, Login, Logout, StartTls, response
from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.strings import REV1
from pillarbox.model.errors import PeerSyntax

COMMANDS = [
    (b"LOGIN SMITH SESAME", Login("SMITH", "SESAME")),
    (b'login "fred" "pass \\"word\\" \\\\ %*(){]"', Login("fred", 'pass "word" \\ %*(){]')),
    (b"LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man", Login("FRED FOOBAR", "fat man")),
    (b"LOGIN {4+}\r\nfred {0+}\r\n", Login("fred", "")),
    (b"LOGIN fred {4}\r\n\xc3\xa4\xc3\xb6", Login("fred", "äö")),
    (b'LOGIN "" NIL]', Login("", "NIL]")),
    (b"LOGIN {3}\r\na\r\n {1}\r\nx", Login("a\r\n", "x")),
    (b"AUTHENTICATE plain", Authenticate("PLAIN")),
    (b"AUTHENTICATE PLAIN =", Authenticate("PLAIN", b"")),
    (b"AUTHENTICATE PLAIN AHRlc3QAdGVzdA==", Authenticate("PLAIN", b"\0test\0test")),
    (b"authenticate SCRAM-SHA-256 YWJj", Authenticate("SCRAM-SHA-256", b"abc")),
    (b"STARTTLS", StartTls()),
    (b"LogOut", Logout()),
]

REFUSED = [
    b"LOGIN",
    b"LOGIN x",
    b"LOGIN x ",
    b"LOGIN  x y",
    b"LOGIN x y z",
    b"LOGIN x\ty",
    b'LOGIN "x"y',
    b'LOGIN "x y',
    b'LOGIN "x\\y" z',
    b"LOGIN x \xc3\xa4",
    b'LOGIN x "\xc3\xa4"',
    b"LOGIN x {1}\r\n\0",
    b"LOGIN x {1}\r\n\xff",
    b"LOGIN x ~{1}\r\ny",
    b"LOGIN x y\0",
    b"LOGIN x\ry z",
    b"AUTHENTICATE",
    b"AUTHENTICATE PLAIN ",
    b"AUTHENTICATE PLAIN ==",
    b"AUTHENTICATE PLAIN AHRlc3QAdGVzdA=",
    b"AUTHENTICATE PLAIN AHRlc3QAdGVzdA",
    b"AUTHENTICATE PLAIN AHRlc3QAdGVzdB==",
    b"AUTHENTICATE PLAIN {1}\r\nx",
    b"STARTTLS now",
    b"LOGOUT ",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


def test_a_utf8_password_may_be_quoted_once_utf8_is_on(reads, refuses):
    reads('LOGIN fred "ä"'.encode(), Login("fred", "ä"), utf8=True)
    refuses(b'LOGIN fred "\xff"', utf8=True)


def test_secrets_stay_out_of_reprs():
    assert "SESAME" not in repr(Login("SMITH", "SESAME"))
    assert "SESAME" not in repr(Authenticate("PLAIN", b"SESAME"))


@pytest.mark.parametrize("step", [b"", b"abc", b"\0user\0pass", bytes(range(256))])
def test_steps_go_both_ways(step):
    line = encode(Challenge(step), REV1)
    assert line.startswith(b"+ ") and line.endswith(b"\r\n")
    assert response(line[2:-2]) == step


@pytest.mark.parametrize(
    "line", [b"*", b"=", b"YQ", b"YQ=", b"YQ===", b"YR==", b" YQ==", b"Y Q==", b"\xff", b"YQ==\0"]
)
def test_steps_that_are_not_base64(line):
    with pytest.raises(PeerSyntax):
        response(line)
