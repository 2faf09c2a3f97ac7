"""Fetching over real TLS, from servers that do not do as one would wish."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pillarbox.delivery.trust.https import Failed, Https
from tests.authority import Authority
from tests.zone import Zone

AUTHORITY = Authority()
POLICY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def web(
    folder: Path,
    answer: bytes,
    *,
    name: str = "mta-sts.two.test",
    authority: Authority = AUTHORITY,
    days: int = 30,
    silent: bool = False,
) -> Iterator[tuple[int, list[bytes]]]:
    """A port where everybody is answered so, once each."""
    said: list[bytes] = []
    context = authority.issue(name, days=days).context(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                plain, _ = listening.accept()
                with plain:
                    if said and said[-1] == b"stop":
                        return
                    try:
                        with context.wrap_socket(plain, server_side=True) as tls:
                            request = tls.recv(65536)
                            while request.startswith(b"POST") and not request.endswith(b"123"):
                                request += tls.recv(65536)
                            said.append(request)
                            tls.sendall(answer)
                            if silent:
                                tls.recv(1)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        try:
            yield port, said
        finally:
            said.append(b"stop")
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def https(port: int, *, patience: float = 10.0, anywhere: bool = True) -> Https:
    zone = Zone(hosts={"mta-sts.two.test": ["127.0.0.1"]})
    callable = (
        (lambda address: True) if anywhere else (lambda address: ipaddress.ip_address(address).is_global)
    )
    return Https(zone, AUTHORITY.context, port, callable, patience)


def get(port: int, **more: float) -> tuple[str, bytes]:
    return asyncio.run(https(port, **more).get("mta-sts.two.test", "/.well-known/mta-sts.txt", 1000))  # type: ignore[arg-type]


def test_a_page_is_fetched(tmp_path: Path) -> None:
    with web(tmp_path, POLICY) as (port, said):
        assert get(port) == ("text/plain", b"hello")
        assert said[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.two.test:")


def test_chunks_are_put_together(tmp_path: Path) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks += b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    with web(tmp_path, chunks) as (port, _):
        assert get(port) == ("text/plain", b"hello")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: https://else.test/\r\nContent-Length: 0\r\n\r\n", "answers 301"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "answers 404"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, "too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n" + b"x" * 2000, "too long"),
        (b"nonsense\r\n\r\n", "nonsense"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "mta-sts"),
        (b"", "mta-sts"),
    ],
)
def test_what_is_no_page(tmp_path: Path, answer: bytes, words: str) -> None:
    with web(tmp_path, answer) as (port, _), pytest.raises(Failed, match=words) as failed:
        get(port)
    assert not failed.value.certificate


@pytest.mark.parametrize(
    ("name", "authority", "days"),
    [
        ("else.test", AUTHORITY, 30),
        ("mta-sts.two.test", Authority(), 30),
        ("mta-sts.two.test", AUTHORITY, -1),
    ],
    ids=["another name", "another authority", "expired"],
)
def test_a_certificate_that_proves_nothing(
    tmp_path: Path, name: str, authority: Authority, days: int
) -> None:
    with (
        web(tmp_path, POLICY, name=name, authority=authority, days=days) as (port, said),
        pytest.raises(Failed) as failed,
    ):
        get(port)
    assert failed.value.certificate
    assert said == [b"stop"]  # nothing was asked of it


def test_it_does_not_take_for_ever(tmp_path: Path) -> None:
    slow = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
    with web(tmp_path, slow, silent=True) as (port, _), pytest.raises(Failed):
        get(port, patience=0.3)


def test_nobody_is_called_in_our_own_network(tmp_path: Path) -> None:
    with web(tmp_path, POLICY) as (port, said):
        with pytest.raises(Failed, match="no address that may be called"):
            asyncio.run(https(port, anywhere=False).get("mta-sts.two.test", "/", 1000))
        assert said == []
    for host in ("nowhere.test", "", "a b"):
        with pytest.raises(Failed):
            asyncio.run(https(1).get(host, "/", 1000))


def test_a_report_is_posted(tmp_path: Path) -> None:
    created = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    with web(tmp_path, created) as (port, said):
        asyncio.run(https(1).post("mta-sts.two.test", port, "/v1?x=y", "application/tlsrpt+gzip", b"123"))
        assert said[0].startswith(b"POST /v1?x=y HTTP/1.1\r\n")
        assert b"Content-Type: application/tlsrpt+gzip\r\n" in said[0]
        assert said[0].endswith(b"\r\n\r\n123")


def test_the_context_is_the_machines_own() -> None:
    assert Https(Zone()).context is ssl.create_default_context
