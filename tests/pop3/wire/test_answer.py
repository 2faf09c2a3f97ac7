"""How answers are spelled."""

import pytest

from pillarbox.pop3.wire import answer
from pillarbox.pop3.wire.answer import Challenge, Lines, encode_challenge, encode_lines, encode_page, err, ok


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (ok("2 320"), b"+OK 2 320\r\n"),
        (err("no"), b"-ERR no\r\n"),
        (err("wrong", "AUTH"), b"-ERR [AUTH] wrong\r\n"),
        (err("later", "SYS/TEMP"), b"-ERR [SYS/TEMP] later\r\n"),
        # RFC 2449 6.4: what begins with a bracket is a code.
        (ok("[::1] is ready"), b"+OK ::1] is ready\r\n"),
        (err("a\r\n+OK b"), b"-ERR a??+OK b\r\n"),
        (ok("zo\u00eb"), b"+OK zo?\r\n"),
    ],
)
def test_status(status: answer.Status, sent: bytes) -> None:
    assert answer.encode_status(status) == sent


def test_a_first_line_has_at_most_512_octets() -> None:
    assert len(answer.encode_status(err("x" * 1000, "SYS/PERM"))) <= 512


def test_more_than_a_line() -> None:
    assert encode_lines(Lines("all", ("TOP", "UIDL"))) == b"+OK all\r\nTOP\r\nUIDL\r\n.\r\n"
    assert encode_page([(1, 120), (3, "7-9")]) == b"1 120\r\n3 7-9\r\n"
    assert encode_challenge(Challenge(b"")) == b"+ \r\n"
    assert encode_challenge(Challenge(b"Username:")) == b"+ VXNlcm5hbWU6\r\n"
