import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.select import (
    Check,
    Close,
    Exists,
    Flags,
    Qresync,
    Recent,
    Select,
    Unselect,
)
from pillarbox.imap.wire.strings import REV1, REV2, UTF8_ACCEPT

COMMANDS = [
    (b"SELECT INBOX", Select("INBOX")),
    (b"select inBoX", Select("INBOX")),
    (b'SELECT "inbox"', Select("INBOX")),
    (b"SELECT {5}\r\ninbox", Select("INBOX")),
    (b"EXAMINE blurdybloop", Select("blurdybloop", read_only=True)),
    (b"SELECT inbox/x]y", Select("INBOX/x]y")),
    (b'SELECT "a b"', Select("a b")),
    (b"SELECT ~peter/mail/&U,BTFw-/&ZeVnLIqe-", Select("~peter/mail/台北/日本語")),
    (b"SELECT a&-b", Select("a&b")),
    (b"SELECT foo/", Select("foo")),
    (b"SELECT x (CONDSTORE)", Select("x", condstore=True)),
    (
        b"SELECT x (qresync (67890007 20050715194045000 41,43:211,214:541))",
        Select("x", qresync=Qresync(67890007, 20050715194045000, ((41, 41), (43, 211), (214, 541)))),
    ),
    (b"EXAMINE x (CONDSTORE QRESYNC (1 2))", Select("x", True, True, Qresync(1, 2))),
    (
        b"SELECT x (QRESYNC (1 2 (3 4)) CONDSTORE)",
        Select("x", False, True, Qresync(1, 2, (), ((3, 3),), ((4, 4),))),
    ),
    (
        b"SELECT x (QRESYNC (1 2 1:9 (3,5 4,7)))",
        Select("x", qresync=Qresync(1, 2, ((1, 9),), ((3, 3), (5, 5)), ((4, 4), (7, 7)))),
    ),
    (b"SELECT x (OBJECTID)", Select("x", objectid=())),
    (
        b"select x (objectid (mailboxid F2212ea87-6097_Z accountid u1))",
        Select("x", objectid=(("MAILBOXID", "F2212ea87-6097_Z"), ("ACCOUNTID", "u1"))),
    ),
    (
        b"EXAMINE x (OBJECTID (X-NEW -1 MAILBOXID a MAILBOXID A) CONDSTORE QRESYNC (1 2))",
        Select("x", True, True, Qresync(1, 2), (("X-NEW", "-1"), ("MAILBOXID", "a"), ("MAILBOXID", "A"))),
    ),
    (
        b"SELECT x (OBJECTID (MAILBOXID " + b"x" * 255 + b"))",
        Select("x", objectid=(("MAILBOXID", "x" * 255),)),
    ),
    (b"CHECK", Check()),
    (b"CLOSE", Close()),
    (b"unselect", Unselect()),
]

REFUSED = [
    b"SELECT",
    b"SELECT ",
    b"SELECT %",
    b"SELECT x y",
    b"SELECT (x)",
    b"SELECT \xc3\xa4",
    b'SELECT "\xc3\xa4"',
    b"SELECT {2}\r\n\xc3\xa4",
    b"SELECT &Jjo",  # not closed
    b"SELECT &Jjo!-",  # no base64
    b"SELECT &AGE-",  # encodes a printable character
    b"SELECT &Jjo-&Jjo-",  # superfluous shift
    b"SELECT &2AA-",  # half a surrogate pair
    b"SELECT &Jjp-",  # padding bits
    b"SELECT &U/BTFw-",  # "/" of standard base64
    b"SELECT x ()",
    b"SELECT x (UNKNOWN)",
    b"SELECT x (CONDSTORE CONDSTORE)",
    b"SELECT x (QRESYNC)",
    b"SELECT x (QRESYNC ())",
    b"SELECT x (QRESYNC (0 1))",
    b"SELECT x (QRESYNC (1 0))",
    b"SELECT x (QRESYNC (1 2 *))",
    b"SELECT x (QRESYNC (1 2 1:*))",
    b"SELECT x (QRESYNC (1 2 (1:* 2)))",
    b"SELECT x (QRESYNC (1 2 (1:3 2:3)))",
    b"SELECT x (QRESYNC (1 2 (1:3 9:7)))",
    b"SELECT x (QRESYNC (1 2 (1,1:2 7:9)))",
    b"SELECT x (QRESYNC (1 9223372036854775808))",
    b"SELECT x (OBJECTID OBJECTID)",
    b"SELECT x (OBJECTID ())",
    b"SELECT x (OBJECTID MAILBOXID a)",
    b"SELECT x (OBJECTID(MAILBOXID a))",
    b"SELECT x (OBJECTID (MAILBOXID))",
    b"SELECT x (OBJECTID (MAILBOXID a ACCOUNTID))",
    b"SELECT x (OBJECTID (MAILBOXID (a)))",
    b'SELECT x (OBJECTID (MAILBOXID "a"))',
    b"SELECT x (OBJECTID (MAILBOXID a.b))",
    b"SELECT x (OBJECTID (MAILBOXID a\xc3\xa4))",
    b"SELECT x (OBJECTID (MAILBOXID {1}\r\na))",
    b"SELECT x (OBJECTID (MAILBOXID " + b"x" * 256 + b"))",
    b"SELECT x (OBJECTID (MAILBOXID a  ACCOUNTID b))",
    b"SELECT x (OBJECTID (" + b" ".join([b"MAILBOXID a"] * 21) + b"))",
    b"CHECK x",
    b"UID SELECT x",
]

RESPONSES = [
    (Flags(("\\Answered", "\\Seen", "$Junk")), REV1, b"* FLAGS (\\Answered \\Seen $Junk)\r\n"),
    (Flags(()), REV2, b"* FLAGS ()\r\n"),
    (Exists(172), REV1, b"* 172 EXISTS\r\n"),
    (Recent(1), REV1, b"* 1 RECENT\r\n"),
    (Recent(1), UTF8_ACCEPT, b"* 1 RECENT\r\n"),
    (Recent(1), REV2, b""),
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


def test_names_are_utf8_once_that_is_on(reads, refuses):
    reads('SELECT "Müll"'.encode(), Select("Müll"), utf8=True)
    reads('SELECT "Mu\u0308ll"'.encode(), Select("Müll", old_name="Mu\u0308ll"), utf8=True)
    reads("SELECT {5}\r\nMüll".encode(), Select("Müll"), utf8=True)
    reads(b"SELECT &Jjo-", Select("&Jjo-"), utf8=True)
    refuses(b'SELECT "\xff"', utf8=True)
    refuses("SELECT Müll".encode(), utf8=True)  # RFC 9051 9: an atom stays ASCII


@pytest.mark.parametrize(("response", "kind", "spelled"), RESPONSES)
def test_responses(response, kind, spelled):
    assert encode(response, kind) == spelled
