"""`python -m bench [--rows fetch,store] [--rounds 3] [--servers dovecot-sdbox,pillarbox]`"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from rich.console import Console

from bench import courier, cyrus, messages, postfix, report, results
from bench.client import Refusal
from bench.courier import CourierServer
from bench.cyrus import CyrusServer
from bench.postfix import PostfixServer
from bench.servers import XAPIAN, DovecotServer, PillarboxServer, Server
from bench.workloads import USERS, Bench, NotOffered, Row, load
from bench.workloads.arriving import multiappend
from tests import oracle

NAMES = (
    *report.FORMATS,
    *(report.INDEXED, report.CYRUS, report.COURIER, report.POSTFIX, report.OURS),
)


def main() -> int:
    arguments = _arguments()
    console = Console(stderr=True)
    if not messages.available():
        console.print("the corpus of real messages is not here: set PILLARBOX_CORPUS")
        return 2
    rows = _chosen(arguments.rows)
    if not rows:
        console.print(f"no row is called that; there are: {', '.join(row.name for row in load())}")
        return 2
    corpus = messages.all_messages()[: arguments.messages]
    figures, load_before = report.Figures(), results.load()
    with ExitStack() as running:
        servers = [running.enter_context(server) for server in _servers(arguments)]
        if not servers:
            console.print("nothing to measure: Dovecot is not installed")
            return 2
        benches = [Bench(server, corpus) for server in servers]
        for bench in benches:
            bench.server.ensure(USERS)
            if (rows[0].name != "multiappend" or bench.server.rows) and any(map(_reads, rows)):
                _prepare(bench)
        try:
            for number in range(arguments.rounds):
                _round(number, rows, benches, figures)
                console.print(f"round {number + 1} of {arguments.rounds} done")
        except KeyboardInterrupt:
            console.print("interrupted: this is what there is")
        path = results.write("rows", report.data(figures, rows, servers, arguments.rounds), load_before)
        report.show(figures, rows, servers)
        console.print(f"figures in {path}", highlight=False)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Pillarbox beside Dovecot.")
    parser.add_argument("--rows", default="", help="names or beginnings of names, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--messages", type=int, default=messages.COUNT, help="fewer try the rows out; some need all of them"
    )
    parser.add_argument("--servers", default=",".join(NAMES))
    parser.add_argument("--workers", type=int, default=None, help="of Pillarbox; its default otherwise")
    parser.add_argument(
        "--hashed",
        action="store_true",
        help="Dovecot also checks argon2id (64 MiB, 3 passes); otherwise it compares plain text",
    )
    return parser.parse_args()


def _chosen(wanted: str) -> list[Row]:
    prefixes = tuple(name.strip() for name in wanted.split(",") if name.strip())
    return [row for row in load() if not prefixes or row.name.startswith(prefixes)]


def _servers(arguments: argparse.Namespace) -> list[Server]:
    out: list[Server] = []
    hashed = _hashed() if arguments.hashed else None
    for name in NAMES:
        if name not in arguments.servers.split(","):
            continue
        if name == report.OURS:
            out.append(PillarboxServer(arguments.workers))
        elif name == report.CYRUS:
            if reason := cyrus.missing():
                Console(stderr=True).print(f"without Cyrus: {reason}")
            else:
                out.append(CyrusServer())
        elif name == report.COURIER:
            if reason := courier.missing():
                Console(stderr=True).print(f"without Courier: {reason}")
            else:
                out.append(CourierServer())
        elif name == report.POSTFIX:
            if reason := postfix.missing() or ("" if oracle.BINARY else "Dovecot is not installed"):
                Console(stderr=True).print(f"without Postfix: {reason}")
            else:
                out.append(PostfixServer())
        elif oracle.BINARY is None or (name == report.INDEXED and not XAPIAN.exists()):
            continue
        elif name == report.INDEXED:
            out.append(DovecotServer("sdbox", hashed, variant="xapian"))
        else:
            out.append(DovecotServer("sdbox" if name == "dovecot-sdbox" else "maildir", hashed))
    return out


def _hashed() -> str:
    """Argon2id as our own passwords have it, but with one lane: Dovecot's library knows no other."""
    from argon2 import PasswordHasher

    return "{ARGON2ID}" + PasswordHasher(parallelism=1).hash(oracle.PASSWORD)


def _round(number: int, rows: list[Row], benches: list[Bench], figures: report.Figures) -> None:
    for row in rows:
        # Every server is first as often as the others, so that none always has the warm machine.
        for step in range(len(benches)):
            bench = benches[(number + step) % len(benches)]
            bench.round = number + 1
            _measure(row, bench, figures)


def _reads(row: Row) -> bool:
    """Whether it needs the mailbox that the first row fills."""
    return not row.name.startswith(("smtp", "lmtp"))


def _prepare(bench: Bench) -> None:
    if isinstance(bench.server, CourierServer):
        bench.server.fill(bench.messages)
    else:
        multiappend(bench)
        bench.done()
    bench.server.index(USERS[0])


def _measure(row: Row, bench: Bench, figures: report.Figures) -> None:
    if bench.server.rows and not row.name.startswith(bench.server.rows):
        return
    try:
        figures.add(row.name, bench.server.name, row.run(bench))
    except NotOffered as missing:
        figures.missing(row.name, bench.server.name, f"{missing} not offered")
    except (Refusal, OSError) as error:
        figures.missing(row.name, bench.server.name, f"failed: {error}")
    finally:
        bench.done()


if __name__ == "__main__":
    sys.exit(main())
