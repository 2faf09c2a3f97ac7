"""The dialogue of Thunderbird when it sends: line after line as its SMTP client says it, each waited for."""

from __future__ import annotations

import base64
import imaplib
import socket
import ssl
from contextlib import ExitStack

import pytest

from pillarbox.testing import MailServer

ADDRESS, PASSWORD = "kim@example.test", "a secret"
MESSAGE = (
    b"Message-ID: <0c5ad8f7-7d1e-4cf4-9d0e-0d2b2a7d2f5e@example.test>\r\n"
    b"Date: Sat, 28 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nUser-Agent: Mozilla Thunderbird\r\n"
    b"Content-Language: en-US\r\nTo: kim@example.test\r\nFrom: Kim <kim@example.test>\r\n"
    b"Subject: Gr\xc3\xbc\xc3\x9fe\r\nContent-Type: text/plain; charset=UTF-8; format=flowed\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n..a line that began with a dot\r\nGr\xc3\xbc\xc3\x9fe\r\n.\r\n"
)


class Dialogue:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = connection.makefile("rb")

    def say(self, line: bytes) -> list[bytes]:
        self.connection.sendall(line)
        return self.hear()

    def hear(self) -> list[bytes]:
        """One reply, all its lines."""
        out = [self.lines.readline()]
        while out[-1][3:4] == b"-":
            out.append(self.lines.readline())
        return out


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "TLS"])
def test_what_thunderbird_says(mail_server: MailServer, implicit: bool) -> None:
    mail_server.add_account(ADDRESS, PASSWORD)
    trust = ssl.create_default_context(cafile=str(mail_server.certificate))
    port = mail_server.submissions_port if implicit else mail_server.submission_port
    with ExitStack() as open_:
        plain = open_.enter_context(socket.create_connection((mail_server.host, port)))

        def secured() -> Dialogue:
            return Dialogue(open_.enter_context(trust.wrap_socket(plain, server_hostname="localhost")))

        if implicit:
            said = secured()
            assert said.hear()[0].startswith(b"220 ")
        else:
            said = Dialogue(plain)
            assert said.hear()[0].startswith(b"220 ")
            assert b"250 STARTTLS\r\n" in [b"250 " + line[4:] for line in said.say(b"EHLO [127.0.0.1]\r\n")]
            assert said.say(b"STARTTLS\r\n")[0].startswith(b"220 ")
            said = secured()
        offered = [line[4:].rstrip() for line in said.say(b"EHLO [127.0.0.1]\r\n")]
        assert b"8BITMIME" in offered and any(line.startswith(b"SIZE ") for line in offered)
        assert b"PLAIN" in next(line for line in offered if line.startswith(b"AUTH ")).split()
        secret = base64.b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode())
        assert said.say(b"AUTH PLAIN %b\r\n" % secret)[0].startswith(b"235 ")
        sender = b"MAIL FROM:<kim@example.test> BODY=8BITMIME SIZE=%d\r\n" % len(MESSAGE)
        assert said.say(sender)[0].startswith(b"250 ")
        assert said.say(b"RCPT TO:<kim@example.test>\r\n")[0].startswith(b"250 ")
        assert said.say(b"DATA\r\n")[0].startswith(b"354 ")
        assert said.say(MESSAGE)[0].startswith(b"250 ")
        assert said.say(b"QUIT\r\n")[0].startswith(b"221 ")
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap:
        imap.login(ADDRESS, PASSWORD)
        imap.select()
        _, found = imap.fetch("1", "(BODY.PEEK[])")
        assert isinstance(found[0], tuple)
        sent = MESSAGE[:-3].replace(b"\r\n..a", b"\r\n.a")
        assert found[0][1].endswith(sent.partition(b"Subject: ")[2])
    mail_server.check()
