"""Around every answer: limits of size and time, the headers that browsers heed, and whose fault it was.

A request that is refused by the rules of the place is answered here; a page or a program's error is the
application's. What an application raises is ours, and told of nothing but that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Protocol

from starlette.requests import ClientDisconnect

from pillarbox.net.session import Peer

MAX_HEAD = 16 * 1024  # octets of a request before its body
MAX_BODY = 64 * 1024  # octets; no form here is larger
SECONDS = 30.0  # for a request, its body included; waits of who guesses are ten at most

# What a page may do is what it is made of: our style and scripts, our forms. RFC 9111 5.2.2.5 no-store:
# nothing here is to be found later in a cache.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Inner = Callable[[Any, Any, Any], Awaitable[None]]


class Report(Protocol):
    def __call__(self, error: BaseException, peer: Peer | None = None) -> str: ...


class TooMuch(Exception):
    """A body larger than any form here."""


def strict(inner: Inner, report: Report, clock: Callable[[], float]) -> Inner:
    """`clock` counts seconds since 1970."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = False
        taken = 0

        async def bounded() -> dict[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise TooMuch
            return message

        async def dressed(message: dict[str, Any]) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = list(message.get("headers", ()))
                said = {name.lower() for name, _ in headers}
                own = {**HEADERS, "date": formatdate(clock(), usegmt=True)}  # RFC 9110 6.6.1
                headers += [
                    (name.encode(), value.encode())
                    for name, value in own.items()
                    if name.encode() not in said
                ]
                message = {**message, "headers": headers}
            await send(message)

        async def refuse(status: int, text: str) -> None:
            if began:
                raise ConnectionAbortedError(text)  # what has been begun cannot be taken back
            body = text.encode()
            headers = [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            await dressed({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        if (
            sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["query_string"])
            > MAX_HEAD
        ):
            await refuse(431, "The request's head is too large")
            return
        try:
            async with asyncio.timeout(SECONDS):
                await inner(scope, bounded, dressed)
        except ClientDisconnect:
            return  # in the middle of its request: there is nobody to answer, and nothing went wrong here
        except TooMuch:
            await refuse(413, "The request is too large")
        except TimeoutError:
            await refuse(408, "The request took too long")
        except Exception as error:
            trace = report(error, scope.get("state", {}).get("peer"))
            await refuse(500, f"Something went wrong here ({trace})")

    return application
