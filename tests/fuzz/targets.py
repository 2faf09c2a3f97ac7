"""Everything that reads what strangers say, each as a function of octets, with words to begin from.

A target returns, whatever it is given: a refusal that is meant for the peer (`PeerSyntax`, `Refused`,
`ProxySyntax`) is an answer, everything else an exception that ends the run. Where an answer is not enough,
the target says what must hold. `test_targets` gives each a few hundred mangled words, `guided` many.

The targets named after protocols are whole sessions of somebody who does not log in: driver, framing,
commands, mechanisms. The first octet says how the rest is cut into pieces.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from functools import cache, partial
from random import Random
from xml.etree import ElementTree

from pillarbox.app.acme import responder
from pillarbox.identity import sasl, scram
from pillarbox.identity.claims import Channel, Token
from pillarbox.identity.gate import Gate
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.tokens import Tokens
from pillarbox.imap import session as imap
from pillarbox.imap.settings import Settings
from pillarbox.imap.wire import command as imap_wire
from pillarbox.imap.wire.literal import literal_at_end
from pillarbox.message.envelope import envelope
from pillarbox.message.structure import structure
from pillarbox.message.walk import walk
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.net import proxy
from pillarbox.net.framing import Unstuffer
from pillarbox.pop3 import session as pop3
from pillarbox.pop3 import table as pop3_table
from pillarbox.pop3.settings import Settings as PopSettings
from pillarbox.pop3.wire import command as pop3_wire
from pillarbox.smtp import address, profile
from pillarbox.smtp import session as smtp
from pillarbox.smtp import table as smtp_table
from pillarbox.smtp.wire import command as smtp_wire
from pillarbox.web.published import NotARequest, Published, discovered, requested
from tests.fuzz import storm
from tests.fuzz.storm import IMAP, LMTP
from tests.fuzz.web import TARGETS as WEB
from tests.fuzz.world import Target, directory, login, world


def autodiscover(data: bytes) -> None:
    """What is found is an address, and can be told back."""
    with suppress(NotARequest):
        found = requested(data)
        ElementTree.fromstring(discovered(Published("mail.example.test", {"imaps": 993}, ""), found))


def imap_command(data: bytes) -> None:
    """A command put together as a session does it: a line, a literal, a line."""
    pieces, rest = [], data
    utf8 = data[:1] > b"\x7f"
    while True:
        line, _, rest = rest.partition(b"\r\n")
        pieces.append(line)
        with suppress(PeerSyntax):
            literal = literal_at_end(line)
            if literal is not None and rest:
                pieces.append(rest[: literal.size])
                rest = rest[literal.size :]
                continue
        break
    with suppress(PeerSyntax, Refused):
        imap_wire.parse(pieces, utf8)


def pop3_command(data: bytes) -> None:
    with suppress(PeerSyntax):
        keyword, rest = pop3_wire.split(data)
        for row in pop3_table.ROWS if keyword not in pop3_table.TABLE else (pop3_table.TABLE[keyword],):
            with suppress(PeerSyntax):
                row.read(rest)
    with suppress(PeerSyntax):
        pop3_wire.response(data)


def smtp_command(data: bytes) -> None:
    with suppress(PeerSyntax):
        verb, rest = smtp_wire.split(data)
        for row in smtp_table.ROWS if verb not in smtp_table.TABLE else (smtp_table.TABLE[verb],):
            with suppress(PeerSyntax):
                row.read(rest)
    with suppress(PeerSyntax):
        smtp_wire.read_response(data)
    with suppress(PeerSyntax, UnicodeDecodeError):
        address.read_path(data.decode(), forward=data[:2] != b"<>")


def dots(data: bytes) -> None:
    """Where a message ends does not depend on how it is cut."""
    body = data[1:]
    whole = Unstuffer()
    content, used = whole.feed(body)
    cut = Unstuffer()
    said, taken, step = b"", 0, data[:1][0] % 7 + 1 if data else 1
    for at in range(0, len(body), step):
        if cut.ended:
            break
        piece, count = cut.feed(body[at : at + step])
        said, taken = said + piece, taken + count
    assert (content, used, whole.ended) == (said, taken, cut.ended)


def proxy_header(data: bytes) -> None:
    """A header is understood at its last octet, whatever follows, and never at one before."""
    try:
        found = proxy.read(data)
    except proxy.ProxySyntax:
        return
    if found is None:
        assert len(data) <= 16 + proxy.MAX_V2
        return
    assert 0 < found.size <= len(data)
    assert proxy.read(data[: found.size]) == found
    assert proxy.read(data[: found.size - 1]) is None


@cache
def mechanisms() -> Mechanisms:
    hashes = scram.Hash.SHA_1 | scram.MODERN
    return Mechanisms(
        directory(),
        hashes=hashes,
        random=lambda count: bytes(count),
        channel_binding=True,
        tokens=Tokens(directory(), Gate()),
    )


def sasl_exchange(data: bytes) -> None:
    """Every mechanism, with up to four messages, which are separated by 0xff 0x00; nothing lets one in."""
    if not data:
        return
    channel = Channel("imap", "192.0.2.7", end_point=bytes(32), tls=True, certified=("nobody@example.test",))
    exchange = mechanisms().start(sasl.ALL[data[0] % len(sasl.ALL)], channel)
    assert exchange is not None
    for response in data[1:].split(b"\xff\0")[:4]:
        try:
            answer = exchange.step(response)
        except (PeerSyntax, Refused):
            return
        if not isinstance(answer, bytes):
            assert isinstance(answer, sasl.Credentials | Token)
            return


def message(data: bytes) -> None:
    """Mail of strangers is taken apart before anybody knows whose it is."""
    tree = walk(data)
    envelope(tree.fields)
    structure(tree)


def imap_session(data: bytes) -> None:
    services = imap.Services(
        None,  # type: ignore[arg-type]  # nobody logs in, so nobody's mail is looked at
        login,
        Settings("mail.example.test"),
        world().report,
        lambda name: None,
        lambda count: bytes(count),
        mechanisms=mechanisms(),
    )
    world().play(imap.Session(services), data)


def pop3_session(data: bytes) -> None:
    services = pop3.Services(
        None,  # type: ignore[arg-type]
        login,
        PopSettings("mail.example.test"),
        world().report,
        mechanisms(),
    )
    world().play(pop3.Session(services), data)


def smtp_session(which: profile.Profile, data: bytes) -> None:
    desk = world().desk()
    users = smtp.Users(login, mechanisms(), lambda account, address: False) if which.submits else None
    service = smtp.Service(
        which, "mx.example.test", desk.post, world().report, lambda: "X1", starttls=True, users=users
    )
    world().play(smtp.Session(service), data)
    if desk.errors:
        raise desk.errors.pop()


def acme_session(data: bytes) -> None:
    world().play(responder.Session(lambda token: b"answer" if token == "token" else None), data)


def _cut(*dialogues: bytes) -> tuple[bytes, ...]:
    return tuple(b"\2" + each for each in dialogues)


_PLAIN = b64encode(b"\0kim@example.test\0wrong")
_SCRAM = b64encode(b"n,,n=kim@example.test,r=abcdefgh")
_MAIL = b"MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<ann@example.test>\r\n"
_MESSAGE = b"\r\n".join(
    (
        b"From: =?utf-8?q?K=C3=A4?= <kim@example.test>",
        b'To: a: b@c.test, "d" <e@f.test>;',
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="x"',
        *(b"", b"--x"),
        b"Content-Type: text/plain; charset*=utf-8''a; name*0=b; name*1*=%20c",
        b"Content-Transfer-Encoding: base64",
        *(b"", b"YQ==", b"--x"),
        b"Content-Type: message/rfc822",
        *(b"", b"Subject: y", b"", b"z", b"--x--", b""),
    )
)
_V2 = proxy.SIGNATURE + bytes((0x21, 0x11, 0, 12, 192, 0, 2, 7, 127, 0, 0, 1, 0, 99, 0, 143))
_V2_6 = proxy.SIGNATURE + bytes((0x21, 0x21, 0, 36)) + bytes(32) + bytes((0, 99, 0, 143))

TARGETS: dict[str, Target] = {
    "imap_command": Target(
        imap_command, tuple(line for each in IMAP for line in each.split(b"\r\n") if line)
    ),
    "pop3_command": Target(
        pop3_command,
        (
            b"USER kim",
            b"PASS a b",
            b"AUTH PLAIN =",
            b"AUTH PLAIN " + _PLAIN,
            b"LANG de-AT",
            b"TOP 1 0",
            _PLAIN,
        ),
    ),
    "smtp_command": Target(
        smtp_command,
        (
            b"EHLO [IPv6:2001:db8::1]",
            b"MAIL FROM:<@a,@b:c@d.test> SIZE=1 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<>",
            b'RCPT TO:<"a b"@[192.0.2.1]> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b.test',
            b"BDAT 10 LAST",
            b"AUTH PLAIN =",
            "MAIL FROM:<ä@ö.test> SMTPUTF8".encode(),
            b"<a@b.test>",
        ),
    ),
    "dots": Target(dots, (b"\1a\r\n..b\r\n.\r\nrest", b"\2.\r\n", b"\3..\r\n\r\n.\n.\r\n.\r\n")),
    "proxy_header": Target(
        proxy_header,
        (
            b"PROXY TCP4 192.0.2.7 127.0.0.1 1 143\r\na",
            b"PROXY UNKNOWN\r\n",
            b"PROXY TCP6 ::1 ::2 1 2\r\n",
            _V2,
            _V2_6,
        ),
    ),
    "sasl_exchange": Target(
        sasl_exchange,
        (
            *(bytes((index,)) + b"\0kim@example.test\0secret" for index in range(len(sasl.ALL))),
            *(
                bytes((index,)) + b"n,a=kim,n=kim@example.test,r=abcd\xff\0c=biws,r=abcdAAAA,p=AAAA"
                for index in range(7)
            ),
            *(
                bytes((i,)) + b"p=tls-server-end-point,,n=kim@example.test,r=a\xff\0c=cD10,r=a,p=AA=="
                for i in range(7)
            ),
            bytes((len(sasl.ALL) - 1,)) + b"kim@example.test\xff\0secret",
        ),
    ),
    **WEB,
    "message": Target(message, (_MESSAGE, b"Subject: x\r\n\r\nx\r\n")),
    "imap": Target(
        imap_session,
        _cut(
            *IMAP,
            b"a AUTHENTICATE PLAIN\r\n"
            + _PLAIN
            + b"\r\nb AUTHENTICATE SCRAM-SHA-256 "
            + _SCRAM
            + b"\r\n*\r\n",
            b"a LOGIN {3}\r\nkim {3+}\r\nabc\r\nb STARTTLS\r\nc LOGOUT\r\n",
        ),
    ),
    "pop3": Target(
        pop3_session,
        _cut(
            b"CAPA\r\nUSER kim\r\nPASS x\r\nAUTH PLAIN " + _PLAIN + b"\r\nQUIT\r\n",
            b"AUTH SCRAM-SHA-256\r\n" + _SCRAM + b"\r\n*\r\nUTF8\r\nLANG de\r\nSTLS\r\nAUTH\r\nNOOP\r\n",
        ),
    ),
    "submission": Target(
        partial(smtp_session, profile.SUBMISSION),
        _cut(
            b"EHLO x\r\nAUTH PLAIN " + _PLAIN + b"\r\nAUTH LOGIN\r\na2lt\r\nYQ==\r\n" + _MAIL + b"QUIT\r\n",
            b"EHLO x\r\nAUTH SCRAM-SHA-256 "
            + _SCRAM
            + b"\r\n*\r\nSTARTTLS\r\nEHLO x\r\nHELP MAIL\r\nRSET\r\n",
        ),
    ),
    "smtp": Target(
        partial(smtp_session, profile.MX),
        _cut(
            b"EHLO x\r\n" + _MAIL + b"DATA\r\n" + _MESSAGE + b"..\r\n.\r\nRSET\r\nVRFY ann\r\nQUIT\r\n",
            b"EHLO x\r\n"
            + _MAIL
            + b"BDAT 5\r\nab\r\n.BDAT 3 LAST\r\nxyzNOOP\r\nSTARTTLS\r\nHELO y\r\nEXPN a\r\n",
        ),
    ),
    "lmtp": Target(partial(smtp_session, profile.LMTP), _cut(*LMTP)),
    "autodiscover": Target(
        autodiscover,
        (
            b'<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">'
            b"<Request><EMailAddress>kim@example.test</EMailAddress><AcceptableResponseSchema>"
            b"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
            b"</AcceptableResponseSchema></Request></Autodiscover>",
            b'<?xml version="1.0" encoding="x"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        ),
    ),
    "acme": Target(
        acme_session,
        _cut(
            b"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a.test\r\n\r\n",
            b"HEAD /.well-known/acme-challenge/other HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ),
    ),
}


def mangled(source: Random, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with a few things done to it, or something like none."""
    if source.random() < 0.05:
        return source.randbytes(source.randrange(200))
    return storm.mangled(source, seeds)
