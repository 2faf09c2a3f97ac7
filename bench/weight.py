"""`python -m bench.weight`: memory, beside Dovecot.

What a server holds before anybody has come, for each session that waits in IDLE under TLS, and while many
clients take in one great message very slowly. It is the PSS of all the server's processes, so pages they
share count once.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import time

from rich.console import Console
from rich.table import Table

from bench import results
from bench.client import Client
from bench.servers import DovecotServer, PillarboxServer, Server, family, imap, memory
from tests import oracle

ACCOUNTS = 50
GREAT = 20 << 20  # octets of the message that is fetched slowly
SIP = 4096  # octets a slow client takes at a time
SLOW_SECONDS = 10.0


def main() -> int:
    arguments = _arguments()
    load_before = results.load()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures: dict[str, dict[str, float]] = {}
    for server in _servers(arguments.servers.split(",")):
        with server:
            users = [f"weight{number}@bench.test" for number in range(ACCOUNTS)]
            server.ensure(users)
            figures[server.name] = _waiting(server, users, arguments.sessions)
            figures[server.name] |= _slow(server, users[0], arguments.slow)
    path = results.write("weight", {"settings": vars(arguments), "servers": figures}, load_before)
    show(figures)
    print(f"figures in {path}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.weight", description="Memory beside Dovecot.")
    parser.add_argument("--sessions", type=int, default=1000, help="that wait in IDLE under TLS")
    parser.add_argument("--slow", type=int, default=200, help="clients that fetch a great message slowly")
    parser.add_argument("--servers", default="dovecot-sdbox,dovecot-maildir,pillarbox")
    return parser.parse_args()


def _servers(names: list[str]) -> list[Server]:
    out: list[Server] = []
    if oracle.BINARY is not None:
        out += [DovecotServer(kind) for kind in ("sdbox", "maildir") if f"dovecot-{kind}" in names]
    return [*out, PillarboxServer()] if "pillarbox" in names else out


def _waiting(server: Server, users: list[str], count: int) -> dict[str, float]:
    base = memory(server.pid)
    largest = max(memory(each) for each in family(server.pid)[1:] or [server.pid])
    for user in users:
        imap(server, user).close()  # so that everybody's account was open before
    before = memory(server.pid)
    sessions: list[Client] = []
    for number in range(count):
        client = imap(server, users[number % len(users)], tls=True)
        client.command(b"SELECT INBOX")
        client.send(b"IDLE")
        client.line()
        sessions.append(client)
    after = memory(server.pid)
    for client in sessions:
        client.close()
    return {
        "MiB before anybody has come": base / 2**20,
        "MiB of its largest process then": largest / 2**20,
        f"KiB for each of {count:,} TLS sessions in IDLE": (after - before) / count / 1024,
    }


def _slow(server: Server, user: str, count: int) -> dict[str, float]:
    """All begin to fetch, and take a little now and then; nobody is near the end when this is over."""
    line = b"0123456789abcdef" * 4 + b"\r\n"
    imap(server, user).append(b"INBOX", [b"Subject: great\r\n\r\n" + line * (GREAT // len(line))])
    before = memory(server.pid)
    clients = []
    for _ in range(count):
        client = imap(server, user)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP)
        client.command(b"SELECT INBOX")
        client.send(b"FETCH 1 (BODY.PEEK[])")
        clients.append(client)
    most, end = 0, time.monotonic() + SLOW_SECONDS
    while time.monotonic() < end:
        for client in clients:
            client.socket.recv(SIP)
        most = max(most, memory(server.pid))
    for client in clients:
        client.close()
    return {f"KiB for each of {count:,} clients that fetch 20 MiB slowly": (most - before) / count / 1024}


def show(figures: dict[str, dict[str, float]]) -> None:
    table = Table("", *figures)
    for key in dict.fromkeys(key for taken in figures.values() for key in taken):
        table.add_row(key, *(f"{taken[key]:,.4g}" if key in taken else "" for taken in figures.values()))
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
