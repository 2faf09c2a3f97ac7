"""HTTPS as a client, for policies (RFC 8461 3.3) and reports (RFC 8460 5.4): certificate checked, no redirect
followed, so many octets in so much time.

The addresses come from the one DNS that everything here asks. What a stranger's record names may not be a
host of our own network: only public addresses are called.
"""

import asyncio
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from pillarbox.filter.dns import Kind, Question, Resolve, is_name

PATIENCE = 60.0  # seconds in all: RFC 8461 3.3
TRY_SECONDS = 20.0  # for one step of it
ADDRESSES_LIMIT = 4
_PIECE = 16 * 1024


class Failed(Exception):
    """What was asked for did not come; `str()` says why. `certificate`: because its sender proved nothing."""

    def __init__(self, reason: str, *, certificate: bool = False) -> None:
        super().__init__(reason)
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Https:
    """`callable` says whether an address may be called."""

    resolve: Resolve
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    port: int = 443
    callable: Callable[[str], bool] = lambda address: ipaddress.ip_address(address).is_global
    patience: float = PATIENCE

    async def get(self, host: str, path: str, limit: int) -> tuple[str, bytes]:
        """(media type, content) of what is there; `Failed` for anything but a 200."""
        status, kind, content = await self._ask("GET", host, self.port, path, {}, None, limit)
        if status != 200:  # RFC 8461 3.3: not even a redirect
            raise Failed(f"{host} answers {status}")
        return kind, content

    async def post(self, host: str, port: int | None, path: str, kind: str, content: bytes) -> None:
        headers = {"Content-Type": kind}
        status, _, _ = await self._ask("POST", host, port or self.port, path, headers, content, _PIECE)
        if not 200 <= status < 300:
            raise Failed(f"{host} answers {status}")

    async def _ask(
        self,
        method: str,
        host: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        limit: int,
    ) -> tuple[int, str, bytes]:
        addresses = await self._addresses(host)
        call = _Call(method, host, port, path, dict(headers), content, limit)
        end = time.monotonic() + self.patience
        return await asyncio.to_thread(call.made, addresses, self.context(), end)

    async def _addresses(self, host: str) -> list[str]:
        if not is_name(host):
            raise Failed(f"{host} is no host")
        answers = [await self.resolve(Question(host, kind)) for kind in (Kind.A, Kind.AAAA)]
        found = [value for answer in answers for value in answer.values if self.callable(value)]
        if not found:
            raise Failed(f"{host} has no address that may be called")
        return found[:ADDRESSES_LIMIT]


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    host: str
    port: int
    path: str
    headers: dict[str, str]
    content: bytes | None = field(repr=False)
    limit: int

    def made(self, addresses: list[str], context: ssl.SSLContext, end: float) -> tuple[int, str, bytes]:
        """For a thread."""
        last: Exception = Failed(f"{self.host} cannot be reached")
        for address in addresses:
            try:
                with socket.create_connection((address, self.port), timeout=_left(end)) as plain:
                    return self._talk(context.wrap_socket(plain, server_hostname=self.host), end)
            except ssl.SSLCertVerificationError as error:
                raise Failed(f"{self.host}: {error.verify_message}", certificate=True) from error
            except (OSError, http.client.HTTPException) as error:
                last = error
        raise Failed(f"{self.host}: {last}") from last

    def _talk(self, sock: ssl.SSLSocket, end: float) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.default_port = 443  # not to be named in Host
        connection.sock = sock
        with closing(connection):
            sock.settimeout(_left(end))
            connection.request(self.method, self.path, self.content, self.headers)
            with closing(connection.getresponse()) as response:  # it holds the socket open too
                content = b""
                while True:
                    sock.settimeout(_left(end))
                    piece = response.read1(_PIECE)
                    if not piece:
                        return response.status, response.headers.get_content_type(), content
                    content += piece
                    if len(content) > self.limit:
                        raise Failed(f"{self.host}: the answer is too long")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("it takes too long")
    return min(left, TRY_SECONDS)
