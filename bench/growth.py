"""`python -m bench.growth [SCALE.json]`: how costs grow, as plots beside docs/performance.md.

Connections that wait, connections that work, and accounts, each beside Dovecot where that says something; the
size of a mailbox comes from a result of `bench.scale`, where one is given.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import messages, results
from bench.client import Client, Refusal, stuffed
from bench.servers import DovecotServer, PillarboxServer, Server, imap, lmtp, memory
from bench.svg import plot
from bench.workloads.session import on_threads
from tests import oracle

PLOTS = Path(__file__).parent.parent / "docs" / "performance"
SPARE = 200  # file descriptors of this process that are no connections
TIMES = 200

Lines = dict[str, list[tuple[float, float]]]


def main() -> int:
    arguments = _arguments()
    load_before = results.load()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures: dict[str, dict[str, Any]] = {}
    if arguments.scale:
        columns = json.loads(arguments.scale.read_text())["figures"]
        figures["mailbox"] = {"lines": mailbox(columns)}
    measured: dict[str, tuple[Callable[[Server, list[int]], Lines], list[int]]] = {
        "waiting": (waiting, [each for each in arguments.waiting if each < most - SPARE]),
        "working": (working, arguments.working),
        "accounts": (accounts, arguments.accounts),
    }
    for name, (measure, steps) in measured.items():
        lines: Lines = {}
        for server in _servers(arguments.servers.split(",")):
            with server:
                lines |= measure(server, steps)
        figures[name] = {"lines": lines}
    path = results.write("growth", figures, load_before)
    draw(figures, PLOTS)
    print(f"figures in {path}, plots in {PLOTS}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="How costs grow.")
    parser.add_argument("scale", nargs="?", type=Path, help="a result of bench.scale")
    for name, steps in (
        ("waiting", "1,100,1000,10000"),
        ("working", "1,8,64"),
        ("accounts", "10,1000,50000"),
    ):
        parser.add_argument(f"--{name}", type=_numbers, default=_numbers(steps))
    parser.add_argument("--servers", default="dovecot-sdbox,pillarbox")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _servers(names: list[str]) -> list[Server]:
    out: list[Server] = [DovecotServer("sdbox")] if oracle.BINARY and "dovecot-sdbox" in names else []
    return [*out, PillarboxServer()] if "pillarbox" in names else out


def mailbox(columns: dict[str, dict[str, float]]) -> Lines:
    """The commands people wait for, by the number of messages in the mailbox."""
    chosen = (
        "first SELECT after a restart",
        "SELECT",
        "FETCH of the last 50, ENVELOPE",
        "STORE of one message",
        "delivery, and EXISTS in an IDLE session",
        "SORT (REVERSE DATE), again",
        "THREAD REFERENCES, first",
    )
    return {
        name: [(int(size), column[name]) for size, column in columns.items() if name in column]
        for name in chosen
    }


def waiting(server: Server, steps: list[int]) -> Lines:
    """Memory for each session that waits in IDLE under TLS, and what a NOOP of another takes meanwhile."""
    users = [f"waiting{number}@bench.test" for number in range(20)]
    server.ensure(users)
    for user in users:
        imap(server, user).close()
    asking = imap(server, users[0])
    before = memory(server.pid)
    sessions: list[Client] = []
    out: Lines = {f"{server.name}, MiB": [], f"{server.name}, NOOP in ms": []}
    for step in steps:
        try:
            while len(sessions) < step:
                client = imap(server, users[len(sessions) % len(users)], tls=True)
                client.command(b"SELECT INBOX")
                client.send(b"IDLE")
                client.line()
                sessions.append(client)
        except (OSError, Refusal) as refusal:
            print(f"{server.name} took {len(sessions)} of {step}: {refusal}")
            break
        out[f"{server.name}, MiB"].append((step, (memory(server.pid) - before) / 2**20))
        out[f"{server.name}, NOOP in ms"].append((step, _median(lambda: asking.command(b"NOOP"))))
    for client in sessions:
        client.close()
    return out


def working(server: Server, steps: list[int]) -> Lines:
    """Commands a second of all connections together: fetch one message, mark it, NOOP."""
    corpus = messages.all_messages()[:100]
    users = [f"working{number}@bench.test" for number in range(max(steps))]
    server.ensure(users)
    clients = []
    for user in users:
        client = imap(server, user)
        client.append(b"INBOX", corpus)
        client.command(b"SELECT INBOX")
        clients.append(client)
    out: Lines = {server.name: []}
    for step in steps:
        rounds = max(5, TIMES // step)

        def run(number: int, rounds: int = rounds) -> None:
            for at in range(rounds):
                clients[number].command(b"FETCH %d (BODY.PEEK[])" % (at % 100 + 1))
                clients[number].command(b"STORE %d +FLAGS (\\Seen)" % (at % 100 + 1))
                clients[number].command(b"NOOP")

        out[server.name].append((step, step * rounds * 3 / on_threads(step, run)))
    for client in clients:
        client.close()
    return out


def accounts(server: Server, steps: list[int]) -> Lines:
    """What a delivery and what coming in take, to any of so many accounts, none of which is open."""
    message = stuffed(messages.all_messages()[0])
    out: Lines = {f"{server.name}, delivery": [], f"{server.name}, LOGIN and SELECT": []}
    made = 0
    for step in steps:
        users = [f"account{number}@bench.test" for number in range(step)]
        server.ensure(users[made:])
        made = step
        spread = users[:: max(1, step // TIMES)]
        postman = lmtp(server)
        delivered = [_timed(partial(postman.deliver, user.encode(), message)) for user in spread]
        postman.close()
        came = [_timed(partial(_come, server, user)) for user in spread]
        out[f"{server.name}, delivery"].append((step, statistics.median(delivered)))
        out[f"{server.name}, LOGIN and SELECT"].append((step, statistics.median(came)))
    return out


def _come(server: Server, user: str) -> None:
    client = imap(server, user)
    client.command(b"SELECT INBOX")
    client.close()


def _median(what: Callable[[], object]) -> float:
    return statistics.median(_timed(what) for _ in range(TIMES))


def _timed(what: Callable[[], object]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    what()
    return (time.perf_counter() - begun) * 1000


TITLES = {
    "mailbox": ("The size of a mailbox", "messages in the mailbox", "milliseconds"),
    "waiting": (
        "Connections that wait",
        "TLS sessions in IDLE",
        "MiB for all of them; milliseconds of a NOOP",
    ),
    "working": ("Connections that work", "connections at work at once", "commands a second, together"),
    "accounts": ("Accounts", "accounts on the server", "milliseconds"),
}


def draw(figures: dict[str, dict[str, Any]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (folder / f"{name}.svg").write_text(plot(*TITLES[name], figure["lines"]))


def sentence(name: str, lines: dict[str, list[list[float]]]) -> str:
    """What a plot says: how much each line grows while what is below it does."""
    said = []
    for line, points in lines.items():
        kept = sorted((x, y) for x, y in points if x > 0 and y > 0)
        if len(kept) > 1:
            (low, first), (high, last) = kept[0], kept[-1]
            said.append(f"{line} × {last / first:.3g} (from {first:.3g} to {last:.3g})")
            span = f"{low:,.0f} to {high:,.0f}"
    return f"From {span} {TITLES[name][1]}: {'; '.join(said)}." if said else "Too few points to say anything."


if __name__ == "__main__":
    sys.exit(main())
