"""The little HTTP that the authority speaks when it visits (RFC 8555 8.3): one request, one answer, the end.

    GET /.well-known/acme-challenge/TOKEN HTTP/1.1

Everything else is not here. No body is read, nothing is kept, and nobody stays.
"""

import re
from collections.abc import Callable

from pillarbox.net.session import Connection, Line

LINE = 2048  # octets
MOST_LINES = 64  # of a request's head
PATIENCE = 10.0  # seconds

_REQUEST = re.compile(rb"(GET|HEAD) /\.well-known/acme-challenge/([!-~]{1,500}) HTTP/1\.[01]")


class Session:
    """`find` gives the answer for a token, or None."""

    def __init__(self, find: Callable[[str], bytes | None]) -> None:
        self._find = find
        self._request: bytes | None = None
        self._lines = 0
        self._connection: Connection | None = None
        self.wants = Line(LINE)
        self.timeout = PATIENCE

    def opened(self, connection: Connection) -> None:
        self._connection = connection

    def line(self, line: bytes) -> bytes | None:
        self._lines += 1
        if self._request is None:
            self._request = line
        elif not line:
            return self._answer(self._request)
        if self._lines > MOST_LINES:
            return self._last(b"431 Request Header Fields Too Large", b"", True)
        return None

    def octets(self, piece: bytes, last: bool) -> None:
        """Never asked for."""

    def overflow(self) -> bytes:
        return self._last(b"431 Request Header Fields Too Large", b"", True)

    def expired(self) -> None:
        return None

    def draining(self) -> None:
        assert self._connection is not None
        self._connection.close()

    def closed(self) -> None:
        self._connection = None

    def _answer(self, request: bytes) -> bytes:
        match = _REQUEST.fullmatch(request)
        found = self._find(match[2].decode("ascii")) if match else None
        with_body = not request.startswith(b"HEAD ")
        if found is None:
            return self._last(b"404 Not Found", b"There is nothing here.\n", with_body)
        return self._last(b"200 OK", found, with_body)

    def _last(self, status: bytes, body: bytes, with_body: bool) -> bytes:
        assert self._connection is not None
        self._connection.close()
        head = (
            b"HTTP/1.1 " + status,
            b"Content-Type: text/plain",
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            b"",
            b"",
        )
        return b"\r\n".join(head) + (body if with_body else b"")


def refusal(hostname: str) -> bytes:
    """What one connection too many is told."""
    return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
