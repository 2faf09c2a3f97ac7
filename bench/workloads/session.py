"""Round trips and logging in."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from bench.client import Client, trusting
from bench.servers import HOST
from bench.workloads import BIG, USERS, Bench, clock, row
from tests.oracle import PASSWORD


def on_threads(count: int, run: Callable[[int], None]) -> float:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            run(number)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=guarded, args=(number,)) for number in range(count)]
    with clock() as measured:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return measured.seconds


@row("noop", "NOOP round trips, 2,000 on one connection", 0.3)
def noop(bench: Bench) -> float:
    client = bench.big()
    with clock() as measured:
        for _ in range(2000):
            client.command(b"NOOP")
    return measured.seconds


@row("noop-8", "NOOP round trips, 2,000 on 8 connections", 0.85)
def noop_on_eight(bench: Bench) -> float:
    clients = [bench.big() for _ in range(8)]

    def run(number: int) -> None:
        for _ in range(250):
            clients[number].command(b"NOOP")

    return on_threads(8, run)


@row("login", "LOGIN + SELECT, 200 on 8 threads", 0.15)
def login(bench: Bench) -> float:
    def run(number: int) -> None:
        for _ in range(25):
            client = Client(HOST, bench.server.imap_port)
            client.login(USERS[0], PASSWORD)
            client.command(b"SELECT " + BIG)
            client.close()

    return on_threads(8, run)


@row("login-tls", "TLS LOGIN, 80", 0.25)
def login_tls(bench: Bench) -> float:
    context = trusting()

    def run(number: int) -> None:
        for _ in range(10):
            client = Client(HOST, bench.server.imaps_port, context)
            client.login(USERS[0], PASSWORD)
            client.close()

    return on_threads(8, run)
