"""The one client both sides are measured with: raw sockets, as little Python between as possible.

`command` answers everything up to and including the tagged line. It looks for that line only at the
end of what has arrived, so a response of 27 MB costs hardly more than reading it.

What the client takes is part of every figure, the same for all servers, and hides how far they are apart.
So a short answer is read into few octets (to allocate `PIECE` of them takes longer than some servers take for
NOOP), and the kernel watches the time: a socket with a timeout of Python's own polls before each call.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable
from functools import cache

FIRST = 1 << 14  # octets read at once; where they came full,
PIECE = 1 << 18  # so many are read the next time
TIMEOUT = 60  # seconds


class Refusal(RuntimeError):
    """The server did not answer OK; a figure for work that was not done would be worthless."""


def _connected(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", TIMEOUT, 0))
    return connection


class Client:
    """One IMAP connection."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        plain = _connected(host, port)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.count = 0
        self.rest = b""
        self.authenticated = self.line().startswith(b"* PREAUTH")

    def line(self) -> bytes:
        """One line, for what has no tag: greeting, continuation, IDLE."""
        while b"\n" not in self.rest:
            data = self.socket.recv(FIRST)
            if not data:
                raise Refusal("the server closed the connection")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"

    def send(self, line: bytes) -> bytes:
        """Sends a command without waiting; returns its tag."""
        self.count += 1
        tag = b"q%dz" % self.count
        self.socket.sendall(b"%b %b\r\n" % (tag, line))
        return tag

    def answer(self, tag: bytes) -> bytes:
        mark = b"\r\n" + tag + b" "
        pieces = [b"\r\n" + self.rest]
        self.rest = b""
        tail = pieces[0]
        size = FIRST
        while True:
            if tail.endswith(b"\r\n"):
                at = tail.rfind(mark)
                if at >= 0 and tail.find(b"\r\n", at + 2) == len(tail) - 2:
                    if not tail.startswith(b"OK", at + len(mark)):
                        raise Refusal(tail[at + 2 :].decode(errors="replace").strip())
                    return b"".join(pieces)[2:]
            data = self.socket.recv(size)
            if not data:
                raise Refusal("the server closed the connection")
            if len(data) == size:
                size = PIECE
            pieces.append(data)
            tail = (tail[-512:] if len(tail) > 512 else tail) + data

    def command(self, line: bytes) -> bytes:
        return self.answer(self.send(line))

    def login(self, user: str, password: str) -> None:
        if not self.authenticated:
            self.command(b'LOGIN "%b" "%b"' % (user.encode(), password.encode()))

    def append(self, mailbox: bytes, messages: Iterable[bytes]) -> None:
        """One APPEND of one or more messages, with literals that do not wait."""
        self.count += 1
        tag = b"q%dz" % self.count
        pieces = [b"%b APPEND %b" % (tag, mailbox)]
        for message in messages:
            pieces.append(b" {%d+}\r\n" % len(message))
            pieces.append(message)
        pieces.append(b"\r\n")
        self.socket.sendall(b"".join(pieces))
        self.answer(tag)

    def close(self) -> None:
        self.socket.close()


class Lmtp:
    """One LMTP connection that delivers message after message, pipelined as far as the RFC allows."""

    hello = b"LHLO"

    def __init__(self, host: str, port: int) -> None:
        self.socket = _connected(host, port)
        self.rest = b""
        self.replies(1)
        self.socket.sendall(b"%b bench.test\r\n" % self.hello)
        self.replies(1)

    def replies(self, count: int) -> None:
        """Reads `count` replies, each maybe of several lines; all must be good."""
        while count:
            while b"\r\n" not in self.rest:
                data = self.socket.recv(65536)
                if not data:
                    raise Refusal("the server closed the connection")
                self.rest += data
            line, _, self.rest = self.rest.partition(b"\r\n")
            if line[:1] not in b"23":
                raise Refusal(line.decode(errors="replace"))
            if line[3:4] != b"-":
                count -= 1

    def deliver(self, recipient: bytes, stuffed: bytes, sender: bytes = b"bench@bench.test") -> None:
        """`stuffed` ends with CRLF and has its dots doubled."""
        self.socket.sendall(b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n" % (sender, recipient))
        self.replies(3)
        self.socket.sendall(stuffed + b".\r\n")
        self.replies(1)

    def close(self) -> None:
        self.socket.close()


class Smtp(Lmtp):
    """The same as another server, or a mail client that logs in, does it."""

    hello = b"EHLO"

    def login(self, credentials: bytes) -> None:
        """`credentials` of PLAIN, in base64."""
        self.socket.sendall(b"AUTH PLAIN %b\r\n" % credentials)
        self.replies(1)


class Pop3:
    """One POP3 connection that has logged in."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self.socket = socket.create_connection((host, port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.lines(1)
        self.socket.sendall(b"USER %b\r\n" % user.encode())
        self.lines(1)
        self.socket.sendall(b"PASS %b\r\n" % password.encode())
        self.lines(1)

    def lines(self, count: int) -> None:
        """Reads as many replies of one line, all of which must be good."""
        for _ in range(count):
            while b"\r\n" not in self.rest:
                self._more()
            line, _, self.rest = self.rest.partition(b"\r\n")
            if not line.startswith(b"+OK"):
                raise Refusal(line.decode(errors="replace"))

    def retrieve(self, numbers: Iterable[int], ahead: int = 20) -> int:
        """Fetches messages, so many commands at once (RFC 2449 6.6); returns how many octets came."""
        octets, waiting = 0, list(numbers)
        for start in range(0, len(waiting), ahead):
            batch = waiting[start : start + ahead]
            self.socket.sendall(b"".join(b"RETR %d\r\n" % number for number in batch))
            for _ in batch:
                self.lines(1)
                while (end := self.rest.find(b"\r\n.\r\n")) < 0:
                    self._more()
                octets += end + 2
                self.rest = self.rest[end + 5 :]
        return octets

    def _more(self) -> None:
        data = self.socket.recv(PIECE)
        if not data:
            raise Refusal("the server closed the connection")
        self.rest += data

    def close(self) -> None:
        self.socket.close()


def stuffed(message: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that begins with a dot gets another one."""
    message = message.replace(b"\r\n.", b"\r\n..")
    return message if message.endswith(b"\r\n") else message + b"\r\n"


@cache
def trusting() -> ssl.SSLContext:
    """TLS without checking names: both servers sign for themselves here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
