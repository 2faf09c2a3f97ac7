import pytest

from pillarbox.imap.wire.encode import encode
from pillarbox.imap.wire.fetch_plan import Stream
from pillarbox.imap.wire.limits import URLS
from pillarbox.imap.wire.response import BadUrl, UrlMech, no, ok
from pillarbox.imap.wire.strings import REV1, UTF8_ACCEPT
from pillarbox.imap.wire.urlauth import (
    Authorized,
    Fetched,
    GenUrlAuth,
    ResetKey,
    UrlFetch,
    Wanted,
    What,
    url_data,
)

URL = b"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"
FULL = URL + b":internal:91354a473744909de610943775f92038"

COMMANDS = [
    (b"RESETKEY", ResetKey()),
    (b"resetkey inbox", ResetKey("INBOX")),
    (b"RESETKEY INBOX XSAMPLE internal Internal X-1.a", ResetKey("INBOX", ("XSAMPLE", "INTERNAL", "X-1.A"))),
    (b"RESETKEY {3}\r\nx y INTERNAL", ResetKey("x y", ("INTERNAL",))),
    (b'GENURLAUTH "' + URL + b'" INTERNAL', GenUrlAuth(((URL, "INTERNAL"),))),
    (b"genurlauth " + URL + b" internal x Y", GenUrlAuth(((URL, "INTERNAL"), (b"x", "Y")))),
    (b"GENURLAUTH {1}\r\nx INTERNAL", GenUrlAuth(((b"x", "INTERNAL"),))),
    (b"URLFETCH " + FULL, UrlFetch((Wanted(FULL),))),
    (b'URLFETCH "a" (b) {1}\r\nc', UrlFetch((Wanted(b"a"), Wanted(b"b"), Wanted(b"c")))),
    (
        b"urlfetch (a body) (b BINARY bodypartstructure) ({1}\r\nc BODYPARTSTRUCTURE BODY)",
        UrlFetch(
            (
                Wanted(b"a", frozenset((What.BODY,))),
                Wanted(b"b", frozenset((What.BINARY, What.BODYPARTSTRUCTURE))),
                Wanted(b"c", frozenset((What.BODY, What.BODYPARTSTRUCTURE))),
            )
        ),
    ),
]

REFUSED = [
    b"RESETKEY ",
    b"RESETKEY  x",
    b"RESETKEY x ",
    b"RESETKEY x a_b",
    b'RESETKEY x "INTERNAL"',
    b"GENURLAUTH",
    b"GENURLAUTH ",
    b"GENURLAUTH x",
    b"GENURLAUTH x ",
    b"GENURLAUTH x INTERNAL y",
    b"GENURLAUTH (x INTERNAL)",
    b"GENURLAUTH x INTERNAL,y INTERNAL",
    b"URLFETCH",
    b"URLFETCH ",
    b"URLFETCH x ",
    b"URLFETCH ()",
    b"URLFETCH ( x)",
    b"URLFETCH (x",
    b"URLFETCH (x BODY",
    b"URLFETCH (x BODY BODY)",
    b"URLFETCH (x BODY BINARY)",
    b"URLFETCH (x BINARY BODYPARTSTRUCTURE BODY)",
    b"URLFETCH (x PEEK)",
    b"URLFETCH (x BODY[])",
    b"URLFETCH (x (BODY))",
    b"URLFETCH (x)(y)",
]


@pytest.mark.parametrize(("written", "command"), COMMANDS)
def test_commands(reads, written, command):
    reads(written, command)


@pytest.mark.parametrize("written", REFUSED)
def test_refused(refuses, written):
    refuses(written)


def test_a_command_names_so_many_urls_and_no_more(reads, refuses):
    reads(b"URLFETCH" + b" x" * URLS, UrlFetch((Wanted(b"x"),) * URLS))
    refuses(b"URLFETCH" + b" x" * (URLS + 1))
    reads(b"GENURLAUTH" + b" x y" * URLS, GenUrlAuth(((b"x", "Y"),) * URLS))
    refuses(b"GENURLAUTH" + b" x y" * (URLS + 1))


def test_responses():
    assert encode(Authorized((FULL,)), REV1) == b"* GENURLAUTH " + FULL + b"\r\n"
    spelled = b'* GENURLAUTH a "b%40c" "d ' + "ü".encode() + b'"\r\n'
    assert encode(Authorized((b"a", b"b%40c", b"d " + "ü".encode())), UTF8_ACCEPT) == spelled
    assert encode(ok(b"a33", "done", UrlMech()), REV1) == b"a33 OK [URLMECH INTERNAL] done\r\n"
    assert encode(no(b"a", "gone", BadUrl(b"/x/;UID=1")), REV1) == b"a NO [BADURL /x/;UID=1] gone\r\n"
    assert (
        encode(no(b"a", "gone", BadUrl(b"/]\r\n\0\xff ")), REV1)
        == b"a NO [BADURL /%5D%0D%0A%00%FF%20] gone\r\n"
    )


def said(what, fetched):
    return b"".join(url_data(Wanted(b"u", frozenset(what)), fetched, REV1))


BODY, BINARY, STRUCTURE = What.BODY, What.BINARY, What.BODYPARTSTRUCTURE


@pytest.mark.parametrize(
    ("what", "fetched", "line"),
    [
        ((), None, b"NIL"),
        ((BINARY, STRUCTURE), None, b"NIL"),
        ((), Fetched(b"abc"), b"{3}\r\nabc"),
        ((), Fetched(b""), b'""'),
        ((), Fetched(None), b'""'),
        ((), Fetched(b"a\0c"), b"{3}\r\na\x80c"),
        ((), Fetched(Stream(4, [b"a\0", b"cd"])), b"{4}\r\na\x80cd"),
        ((BODY,), Fetched(b"abc"), b"(BODY {3}\r\nabc)"),
        ((BODY,), Fetched(b"a\0c"), b"(BODY {3}\r\na\x80c)"),
        ((BODY,), Fetched(b""), b'(BODY "")'),
        ((BINARY,), Fetched(b"abc"), b"(BINARY {3}\r\nabc)"),
        ((BINARY,), Fetched(b"a\0c"), b"(BINARY ~{3}\r\na\0c)"),
        ((BINARY,), Fetched(Stream(4, [b"a\0", b"cd"])), b"(BINARY ~{4}\r\na\0cd)"),
        ((BINARY,), Fetched(None), b"(BINARY NIL)"),
        ((STRUCTURE,), Fetched(b"abc", b"(x)"), b"(BODYPARTSTRUCTURE (x))"),
        ((STRUCTURE, BODY), Fetched(b"abc", b"(x)"), b"(BODYPARTSTRUCTURE (x)) (BODY {3}\r\nabc)"),
        ((STRUCTURE, BINARY), Fetched(None, b"(x)"), b"(BODYPARTSTRUCTURE (x)) (BINARY NIL)"),
    ],
)
def test_the_answer_to_one_url(what, fetched, line):
    assert said(what, fetched) == b"* URLFETCH u " + line + b"\r\n"
