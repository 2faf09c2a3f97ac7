"""The first commands after a restart, with nothing of the mail in the page cache.

A clean stop, as an operator's restart is; then the caches are dropped, and the server comes back. Logging in
is not measured: it would read the programs themselves. Each command is the first of its kind, in this order.
"""

from __future__ import annotations

from bench.client import Client
from bench.servers import forget_caches, imap
from bench.workloads import BIG, USERS, Bench, clock, row

_taken: dict[tuple[str, int], dict[str, float]] = {}


@row("cold-select", "first SELECT after a restart, nothing cached", 1.0)
def select(bench: Bench) -> float:
    return _first(bench, "select")


@row("cold-flags", "then FETCH 1:* (UID FLAGS)", 1.0)
def flags(bench: Bench) -> float:
    return _first(bench, "flags")


@row("cold-envelope", "then FETCH 1:* with ENVELOPE and BODYSTRUCTURE", 1.0)
def envelope(bench: Bench) -> float:
    return _first(bench, "envelope")


@row("cold-body", "then FETCH of one body", 1.0)
def body(bench: Bench) -> float:
    return _first(bench, "body")


def _first(bench: Bench, what: str) -> float:
    """All rows speak of the same restart."""
    key = bench.server.name, bench.round
    if key not in _taken:
        _taken[key] = _measure(bench)
    return _taken[key][what]


def _measure(bench: Bench) -> dict[str, float]:
    bench.done()
    bench.server.stop()
    forget_caches()
    bench.server.start()
    client = imap(bench.server, USERS[0])
    bench.clients.append(client)
    commands = {
        "select": b"SELECT " + BIG,
        "flags": b"FETCH 1:* (UID FLAGS)",
        "envelope": b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
        "body": b"FETCH * (BODY.PEEK[])",
    }
    return {name: _timed(client, command) for name, command in commands.items()}


def _timed(client: Client, command: bytes) -> float:
    with clock() as measured:
        client.command(command)
    return measured.seconds
