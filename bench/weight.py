"""`python -m bench.weight`: memory and disk, beside Dovecot.

Memory: what a server holds before anybody has come, for each session that waits in IDLE under TLS, and while
many clients take in one great message very slowly. It is the PSS of all the server's processes, so pages
they share count once. Disk: what a delivered message occupies, in whole blocks and with all indexes, and how
many octets were written for it on the way.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import time

from rich.console import Console
from rich.table import Table

from bench import messages, results
from bench.client import Client, stuffed
from bench.servers import DovecotServer, PillarboxServer, Server, imap, lmtp, memory, occupied, written
from tests import oracle

ACCOUNTS = 50
GREAT = 20 << 20  # octets of the message that is fetched slowly
SIP = 4096  # octets a slow client takes at a time
SLOW_SECONDS = 10.0
QUIET = 2.0  # seconds in which nothing is written, before what was written is counted
PATIENCE = 30.0


def main() -> int:
    arguments = _arguments()
    if not messages.available():
        print("the corpus of real messages is not here: set PILLARBOX_CORPUS", file=sys.stderr)
        return 2
    load_before = results.load()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures: dict[str, dict[str, float]] = {}
    for server in _servers(arguments.servers.split(",")):
        with server:
            users = [f"weight{number}@bench.test" for number in range(ACCOUNTS)]
            server.ensure(users)
            taken: dict[str, float] = {}
            if not isinstance(server, DovecotServer) or not server.variant:
                taken |= _waiting(server, users, arguments.sessions)
                taken |= _slow(server, users[0], arguments.slow)
            taken |= _disk(server, users[1], arguments.messages)
            figures[server.name] = taken
    path = results.write("weight", {"settings": vars(arguments), "servers": figures}, load_before)
    show(figures)
    print(f"figures in {path}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.weight", description="Memory and disk.")
    parser.add_argument("--sessions", type=int, default=1000, help="that wait in IDLE under TLS")
    parser.add_argument("--slow", type=int, default=200, help="clients that fetch a great message slowly")
    parser.add_argument("--messages", type=int, default=1000, help="delivered for the figures of disk")
    parser.add_argument("--servers", default="dovecot-sdbox,dovecot-maildir,dovecot-zstd,pillarbox")
    return parser.parse_args()


def _servers(names: list[str]) -> list[Server]:
    out: list[Server] = []
    if oracle.BINARY is not None:
        out += [DovecotServer(kind) for kind in ("sdbox", "maildir") if f"dovecot-{kind}" in names]
        out += [DovecotServer("sdbox", variant="zstd")] if "dovecot-zstd" in names else []
    return [*out, PillarboxServer()] if "pillarbox" in names else out


def _waiting(server: Server, users: list[str], count: int) -> dict[str, float]:
    base = memory(server.pid)
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


def _disk(server: Server, user: str, count: int) -> dict[str, float]:
    corpus = messages.all_messages()[:count]
    octets = sum(map(len, corpus))
    _settled(server)
    occupied_before, written_before = occupied(server.mail), written(server.pid)
    connection = lmtp(server)
    for message in corpus:
        connection.deliver(user.encode(), stuffed(message))
    connection.close()
    _settled(server)
    written_after = written(server.pid)
    server.stop()
    return {
        "octets of a message": octets / len(corpus),
        "octets on disk for a message": (occupied(server.mail) - occupied_before) / len(corpus),
        "octets written for a message": (written_after - written_before) / len(corpus),
    }


def _settled(server: Server) -> None:
    """Until nothing is written any more: indexes and checkpoints come after the replies."""
    end = time.monotonic() + PATIENCE
    before, since = written(server.pid), time.monotonic()
    while time.monotonic() < min(end, since + QUIET):
        time.sleep(0.1)
        if (now := written(server.pid)) != before:
            before, since = now, time.monotonic()


def show(figures: dict[str, dict[str, float]]) -> None:
    table = Table("", *figures)
    for key in dict.fromkeys(key for taken in figures.values() for key in taken):
        table.add_row(key, *(f"{taken[key]:,.4g}" if key in taken else "" for taken in figures.values()))
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
