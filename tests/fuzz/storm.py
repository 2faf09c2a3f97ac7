"""Sessions that send nearly right commands. Whatever comes, the server lives and keeps its store whole.

`play` sends one mangled dialogue, in pieces cut anywhere, says that it has no more to say, and reads until
the server closes. What the server thinks of it does not matter; that it raises nothing is seen by
`MailServer.check`.
"""

import socket
from random import Random

from pillarbox.testing import MailServer

ADDRESS, PASSWORD = "kim@example.test", "secret"
PATIENCE = 30.0


def _said(*lines: str | bytes) -> bytes:
    """Lines with their ends; octets go in as they are."""
    return b"".join(line if isinstance(line, bytes) else line.encode() + b"\r\n" for line in lines)


_LOGIN = f"a LOGIN {ADDRESS} {PASSWORD}"
_MESSAGE = _said(
    "From: Kim <kim@example.test>",
    "To: a@b.test, c: d@e.test, f@g.test;",
    "Subject: =?utf-8?q?=C3=A4?=",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="x"',
    "",
    *("--x", "", "text", "--x", "Content-Type: message/rfc822", "", "Subject: inner", "", "inner", "--x--"),
)

IMAP = (
    _said(
        _LOGIN,
        "b APPEND INBOX {3+}",
        b"a\r\n\r\n",
        "c SELECT INBOX",
        "d FETCH 1:* (FLAGS UID ENVELOPE BODYSTRUCTURE BODY.PEEK[1]<0.5> BINARY[1] RFC822.SIZE)",
    ),
    _said(
        _LOGIN,
        f'b APPEND INBOX (\\Seen $x) "01-Jan-2026 00:00:00 +0000" {{{len(_MESSAGE)}}}',
        _MESSAGE,
        "",
        "c STATUS INBOX (MESSAGES UIDNEXT UNSEEN DELETED)",
    ),
    _said(
        _LOGIN, "b APPEND INBOX {3+}", b"abc (\\Flagged) ~{4+}\r\na\0b\r\r\n", "c SELECT INBOX", "d EXPUNGE"
    ),
    _said(
        _LOGIN,
        "b SELECT INBOX",
        "c SEARCH RETURN (MIN MAX ALL SAVE) OR (FROM kim NOT SEEN) SINCE 1-Jan-2026 UID 1:*",
        "d UID STORE $ +FLAGS.SILENT (\\Deleted x)",
        "e UID MOVE $ Trash",
        "f CLOSE",
    ),
    _said(
        _LOGIN,
        "b APPEND INBOX {66+}",
        b"Subject: Re: [x] a (fwd)\r\nMessage-ID: <a@b>\r\nReferences: <c@d>\r\n\r\n",
        "",
        "c SELECT INBOX",
        'd COMPARATOR "-i;*casemap" default',
        "e SORT (REVERSE SUBJECT DATE DISPLAYFROM MODSEQ) UTF-8 OR SUBJECT a NOT SEEN",
        "f UID SORT RETURN (MIN COUNT PARTIAL 1:5) (REVERSE UID) US-ASCII 1:*",
        'g THREAD REFERENCES "utf-8" ALL',
        "h UID THREAD REFS UTF-8 $",
    ),
    _said(
        *(_LOGIN, "b APPEND INBOX {6+}", b"a\r\n\r\nx\r\n", "c SELECT INBOX"),
        "d SEARCH RETURN (UPDATE (UID FLAGS) COUNT CONTEXT) OR YOUNGER 3 NOT OLDER 4 1:* $",
        "e UID SORT RETURN (UPDATE RELEVANCY PARTIAL -1:-3) (RELEVANCY REVERSE DATE) UTF-8 FUZZY TEXT xa",
        "f ESEARCH IN (personal subtree-one (INBOX a) mailboxes Trash) RETURN (MIN UPDATE) UID *:2",
        *("g STORE 1 +FLAGS (\\Deleted)", "h COPY 1 INBOX", "i EXPUNGE", 'j CANCELUPDATE "d" "f" "x"'),
    ),
    _said(
        _LOGIN,
        'b LIST (SUBSCRIBED) "" ("*" "a/%") RETURN (CHILDREN STATUS (MESSAGES SIZE))',
        'c LSUB "" "*"',
        "d CREATE a/b/&AOQ-",
        "e RENAME a c",
        "f DELETE c/b/&AOQ-",
        "g DELETE c/b",
        "h DELETE c",
    ),
    _said(
        _LOGIN,
        *("b ENABLE IMAP4rev2 UTF8=ACCEPT", "c SELECT INBOX", "d UID COPY 1:* Archive"),
        *("e IDLE", "DONE", "f UNSELECT"),
    ),
    _said(
        *(_LOGIN, "b SELECT INBOX (OBJECTID (MAILBOXID Maaaaaabyaaaaaa ACCOUNTID Aaaaaabyaaaaaa X y))"),
        *("c STATUS INBOX (OBJECTID)", "d UID FETCH 1:* (OBJECTID)", "e RENAME Junk x/Junk"),
        *("f UIDBATCHES 500 1:20", "g UIDBATCHES 4294967295", "h UNAUTHENTICATE"),
    ),
    _said(
        *(_LOGIN, "b APPEND INBOX {3+}", b"a\r\n\r\n", "c SELECT INBOX"),
        'd APPEND INBOX CATENATE (URL ";UID=1" TEXT {4+}',
        b"a\r\nb URL /INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=0.2) (\\Seen) CATENATE (URL {13+}\r\n"
        b"/INBOX/;UID=1)\r\n",
        'e GENURLAUTH "imap://kim%40example.test@x/INBOX/;UID=1;URLAUTH=user+a" INTERNAL',
        'f URLFETCH ("imap://kim%40example.test@x/INBOX/;UID=1/;SECTION=1;URLAUTH=anonymous:internal:'
        '0123456789abcdef0123456789abcdef" BINARY BODYPARTSTRUCTURE) /INBOX',
        "g RESETKEY INBOX INTERNAL",
    ),
    _said(
        "a CAPABILITY",
        'b ID ("name" NIL)',
        "c AUTHENTICATE PLAIN AGtpbUBleGFtcGxlLnRlc3QAc2VjcmV0",
        "d NAMESPACE",
    ),
    _said(
        *("a AUTHENTICATE LOGIN", "a2ltQGV4YW1wbGUudGVzdA==", "c2VjcmV0"),
        *("b EXAMINE INBOX", "c NOOP", "d LOGOUT"),
    ),
)

LMTP = (
    _said(
        "LHLO x",
        "MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME",
        "RCPT TO:<kim@example.test>",
        "RCPT TO:<n@o.test>",
        *("DATA", _MESSAGE, "..", ".", "RSET", "QUIT"),
    ),
    _said(
        *("LHLO x", "MAIL FROM:<> SMTPUTF8", "RCPT TO:<kim+Sent@example.test>"),
        *("BDAT 5", b"ab\r\n.", "BDAT 3 LAST", b"xyz", "NOOP"),
    ),
    _said(
        *("LHLO [127.0.0.1]", "VRFY kim", "HELP", "MAIL FROM:<@c,@d:a@b>", 'RCPT TO:<"kim"@example.test>'),
        *("DATA", "."),
    ),
)

_SPICE = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b'"',
        b"\\",
        b"(",
        b")" * 50,
        b"(" * 300,
        b"{5}\r\n",
        b"{5+}\r\n",
        b"~{3}\r\n",
    ),
    *(
        b"{99999999999}\r\n",
        b"{-1}\r\n",
        b"1:*",
        b"*",
        b"4294967295",
        b"4294967296",
        b"0",
        b"&AAA-",
        b"\xff\xfe",
    ),
    *(
        "ä\u0308".encode(),
        b" ",
        b"  ",
        b"NIL",
        b"INBOX",
        b"[",
        b"]",
        b"<",
        b">",
        b"BODY[",
        b"\x80" * 9,
        b"x" * 9000,
    ),
    *(b"\r\n.\r\n", b"BDAT 2\r\n", b"RCPT TO:<", b"DATA\r\n"),
)


def mangled(random: Random, dialogues: tuple[bytes, ...]) -> bytes:
    """A dialogue with a few things done to it."""
    data = bytearray(random.choice(dialogues))
    for _ in range(random.randrange(6)):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                data[at:at] = random.choice(_SPICE)
            case 1:
                del data[at : at + random.randrange(20)]
            case 2:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 3:
                data[at:at] = data[at : at + random.randrange(200)]
            case 4:
                other = random.choice(dialogues)
                start = random.randrange(len(other))
                data[at:] = other[start:]
    return bytes(data)


def play(host: str, port: int, data: bytes, random: Random) -> bytes:
    """Everything the server said."""
    heard = []
    with socket.create_connection((host, port), timeout=PATIENCE) as sock:
        try:
            at = 0
            while at < len(data):
                step = random.choice((1, 7, 100, 5000))
                sock.sendall(data[at : at + step])
                at += step
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                heard.append(piece)
        except ConnectionError:
            pass  # it was thrown out, and may not have heard everything
    return b"".join(heard)


def storm(server: MailServer, random: Random) -> None:
    """One mangled dialogue with each protocol."""
    play(server.host, server.imap_port, mangled(random, IMAP), random)
    play(server.host, server.lmtp_port, mangled(random, LMTP), random)
