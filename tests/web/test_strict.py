"""What is around every answer, whatever application is inside; and routes of other parts of the server."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pillarbox.web import strict as module
from pillarbox.web.site import site
from pillarbox.web.strict import strict

Application = Callable[[Any, Any, Any], Awaitable[None]]


def ask(application: Application, body: bytes = b"", path: str = "/") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    pieces = [body[at : at + 10_000] for at in range(0, len(body), 10_000)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "state": {}}
    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    return sent


def test_errors_of_ours_are_reported_and_tell_nothing() -> None:
    reported: list[BaseException] = []

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("a secret")

    def report(error: BaseException, peer: object = None) -> str:
        reported.append(error)
        return "trace-1"

    start, body = ask(strict(broken, report, lambda: 0.0))
    assert start["status"] == 500
    assert b"trace-1" in body["body"]
    assert b"secret" not in body["body"]
    assert isinstance(reported[0], ValueError)
    assert (b"x-content-type-options", b"nosniff") in start["headers"]
    assert (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT") in start["headers"]


def test_a_large_body_is_refused_as_it_comes() -> None:
    async def reading(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()

    start, _ = ask(strict(reading, lambda *_: "", lambda: 0.0), b"x" * (module.MAX_BODY + 1))
    assert start["status"] == 413


def test_a_slow_request_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.0)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    start, _ = ask(strict(slow, lambda *_: "", lambda: 0.0))
    assert start["status"] == 408


def test_other_parts_of_the_server_mount_their_own() -> None:
    async def challenge(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["token"] + ".key")

    class Nothing:
        clock = staticmethod(lambda: 0.0)

    routes = [Route("/.well-known/acme-challenge/{token}", challenge)]
    application = site(Nothing(), lambda *_: "", routes)  # type: ignore[arg-type]
    start, body = ask(application, path="/.well-known/acme-challenge/abc")
    assert (start["status"], body["body"]) == (200, b"abc.key")


def test_who_leaves_in_the_middle_of_a_request_is_no_error_of_ours() -> None:
    reported: list[BaseException] = []
    told = [
        {"type": "http.request", "body": b"name=ki", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()
        raise AssertionError("there is no body")

    async def receive() -> MutableMapping[str, Any]:
        return told.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError("there is nobody")

    def report(error: BaseException, peer: object = None) -> str:
        reported.append(error)
        return "trace"

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "state": {}}
    asyncio.run(strict(reads, report, lambda: 0)(scope, receive, send))
    assert reported == []
