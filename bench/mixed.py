"""`python -m bench.mixed [--seconds 30]`: 200 accounts as people use them, one server after the other.

Each account has two or three connections. One is a phone: it waits in IDLE and fetches the envelopes of what
comes. The others are desks: now and then, at random, they read a message, mark it, move it, search, delete,
open the mailbox again; mail comes by LMTP. Every few seconds a burst comes: many deliveries at once. People
are faster here than in life (`--pace` actions a second and account), and want the same on every server,
because one seed decides. Told are commands a second, how long each kind took, from sending to the tagged
line, and the processor time of all the server's processes for each command.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench import messages, results
from bench.client import Refusal, stuffed
from bench.people import Desk, Phone, Postman
from bench.servers import DovecotServer, PillarboxServer, Server, cpu, imap, memory, written
from tests import oracle

FILLED = 40  # messages in each account before it begins
BURST_EVERY = 5.0  # seconds
POSTMEN = 8
LATE = 0.05  # an action that begins so much after its time was held up by the client's own machine


class Tally:
    """Seconds by kind of command."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.refused: Counter[str] = Counter()
        self.late: list[float] = []

    def add(self, kind: str, seconds: float) -> None:
        self.taken[kind].append(seconds)


def main() -> int:
    arguments = _arguments()
    if not messages.available():
        print("the corpus of real messages is not here: set PILLARBOX_CORPUS", file=sys.stderr)
        return 2
    figures: dict[str, Any] = {}
    load_before = results.load()
    for server in _servers(arguments.servers.split(",")):
        with server:
            users = [f"person{number}@mixed.test" for number in range(arguments.accounts)]
            server.ensure(users)
            fill(server, users)
            figures[server.name] = asyncio.Runner(loop_factory=uvloop.new_event_loop).run(
                run(server, users, arguments.seconds, arguments.pace, arguments.seed)
            )
    settings = {name: getattr(arguments, name) for name in ("accounts", "seconds", "pace", "seed")}
    path = results.write("mixed", {"settings": settings, "servers": figures}, load_before)
    show(figures)
    print(f"figures in {path}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.mixed", description="People's days beside Dovecot."
    )
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pace", type=float, default=0.5, help="actions a second and account")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", default="dovecot-sdbox,dovecot-maildir,pillarbox")
    return parser.parse_args()


def _servers(names: list[str]) -> list[Server]:
    out: list[Server] = []
    if oracle.BINARY is not None:
        out += [DovecotServer(kind) for kind in ("sdbox", "maildir") if f"dovecot-{kind}" in names]
    return [*out, PillarboxServer()] if "pillarbox" in names else out


def fill(server: Server, users: list[str]) -> None:
    """What was there before, and where to move things to."""
    corpus = messages.all_messages()
    for number, user in enumerate(users):
        client = imap(server, user)
        start = number * FILLED % (len(corpus) - FILLED)
        client.append(b"INBOX", corpus[start : start + FILLED])
        with suppress(Refusal):  # there is one already
            client.command(b"CREATE Archive")
        client.close()


async def run(server: Server, users: list[str], seconds: float, pace: float, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    tally = Tally()
    corpus = [stuffed(message) for message in messages.all_messages()[:400]]
    phones, desks = [Phone(server.imap_port, user, tally) for user in users], list[Desk]()
    for user in users:
        desks += [Desk(server.imap_port, user, tally) for _ in range(chance.choice((1, 2)))]
    postmen = [Postman(server.lmtp_port, tally, corpus) for _ in range(POSTMEN)]
    everybody: list[Phone | Desk | Postman] = [*phones, *desks, *postmen]
    for each in everybody:
        await each.begin()
    before = cpu(server.pid), written(server.pid), time.process_time()
    tally.taken.clear()
    weights: list[tuple[float, int]] = []  # when, and octets
    begun = time.perf_counter()
    end = begun + seconds
    tasks = [asyncio.ensure_future(phone.wait(end)) for phone in phones]
    tasks += [asyncio.ensure_future(_desk(desk, random.Random(chance.random()), end, pace)) for desk in desks]
    tasks += [
        asyncio.ensure_future(_post(each, users, random.Random(chance.random()), end, pace))
        for each in postmen
    ]
    tasks.append(asyncio.ensure_future(_bursts(postmen, users, random.Random(chance.random()), end)))
    while time.perf_counter() < end:
        await asyncio.sleep(1)
        weights.append((time.perf_counter(), memory(server.pid)))
    await asyncio.gather(*tasks)
    took = time.perf_counter() - begun
    after = cpu(server.pid), written(server.pid), time.process_time()
    for each in everybody:
        each.close()
    count = sum(len(taken) for taken in tally.taken.values())
    late = sorted(tally.late) or [0.0]
    return {
        "connections": len(phones) + len(desks),
        "commands": count,
        "commands a second": count / took,
        "milliseconds of processor a command": (after[0] - before[0]) / max(1, count) * 1000,
        "client's milliseconds of processor a command": (after[2] - before[2]) / max(1, count) * 1000,
        "octets written a command": (after[1] - before[1]) / max(1, count),
        "begun late": sum(each > LATE for each in late) / len(late),
        "MiB of memory": weights[-1][1] / 2**20,
        "MiB more in eight hours of this": _growth(weights) * 8 * 3600 / 2**20,
        "refused": dict(tally.refused),
        "milliseconds": {
            kind: {"count": len(taken), **_percentiles(taken)} for kind, taken in sorted(tally.taken.items())
        },
    }


def _growth(weights: list[tuple[float, int]]) -> float:
    """Octets a second over the second half, when what is used at all has been loaded."""
    half = weights[len(weights) // 2 :]
    return statistics.linear_regression(*zip(*half, strict=True)).slope if len(half) > 2 else 0.0


def _percentiles(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0))
    }


async def _desk(desk: Desk, chance: random.Random, end: float, pace: float) -> None:
    due = time.perf_counter()
    while (due := due + chance.expovariate(pace / 1.5)) < end:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        desk.tally.late.append(max(0.0, time.perf_counter() - due))
        await desk.act(chance)


async def _post(postman: Postman, users: list[str], chance: random.Random, end: float, pace: float) -> None:
    """A fifth as often as somebody acts, mail comes."""
    due = time.perf_counter()
    while (due := due + chance.expovariate(pace * len(users) / 5 / POSTMEN)) < end:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        await postman.deliver(chance.choice(users), chance)


async def _bursts(postmen: list[Postman], users: list[str], chance: random.Random, end: float) -> None:
    while time.perf_counter() + BURST_EVERY < end:
        await asyncio.sleep(BURST_EVERY)
        names = chance.sample(users, min(len(users), 5 * POSTMEN))
        shares = [names[number::POSTMEN] for number in range(POSTMEN)]
        await asyncio.gather(
            *(_round(each, share, chance) for each, share in zip(postmen, shares, strict=True))
        )


async def _round(postman: Postman, names: list[str], chance: random.Random) -> None:
    for name in names:
        await postman.deliver(name, chance)


def show(figures: dict[str, Any]) -> None:
    console = Console(width=150)
    table = Table("", *figures)
    for key in next(iter(figures.values())):
        if key not in ("refused", "milliseconds"):
            table.add_row(key, *(f"{each[key]:,.4g}" for each in figures.values()))
    for kind in sorted({kind for each in figures.values() for kind in each["milliseconds"]}):
        cells = []
        for each in figures.values():
            one = each["milliseconds"].get(kind)
            cells.append(
                " / ".join(f"{one[name]:.3g}" for name in ("p50", "p95", "p99", "most")) if one else ""
            )
        table.add_row(f"{kind}, ms: median / 95 / 99 / most", *cells)
    for name, each in figures.items():
        if each["refused"]:
            console.print(f"{name} refused {each['refused']}", highlight=False)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
