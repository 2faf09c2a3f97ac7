"""`python -m bench.disk [COUNT]`: what mail costs the disk, beside Dovecot plain and with its zstd.

The same real messages are delivered one by one over LMTP to one account. Written: what the server's processes
had to write for it (`write_bytes` of /proc/PID/io: a page that is written again after it has gone to the disk
counts again). Kept: what the account's files hold when it has come to rest, in whole blocks.

Pillarbox keeps a search index without being asked, which Dovecot here does not: it is told apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from bench import messages, results
from bench.client import Client, Lmtp, stuffed
from bench.servers import HOST, VARIANTS, PillarboxServer, occupied, written
from pillarbox.store import checkpoint, files
from pillarbox.store.engine import sqlite
from tests.oracle import BINARY, PASSWORD, Dovecot

USER = "disk@bench.test"
COUNT = 1000
REST = 60.0  # seconds that a server is given to come to rest


@dataclass(frozen=True, slots=True)
class Cost:
    """Octets, of all messages together."""

    written: int
    kept: int
    index: int = 0


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    if not messages.available():
        print("the corpus of real messages is not here: set PILLARBOX_CORPUS", file=sys.stderr)
        return 2
    mail = messages.all_messages()[:count]
    size = sum(map(len, mail))
    table = Table("server", "written", "kept", "kept / mail", "search index", caption="a message")
    load_before, costs = results.load(), dict(_costs(mail))
    for name, cost in costs.items():
        table.add_row(
            name,
            f"{cost.written / len(mail) / 1024:.1f} KiB",
            f"{cost.kept / len(mail) / 1024:.2f} KiB",
            f"{cost.kept / size:.2f}",
            f"{cost.index / len(mail) / 1024:.2f} KiB" if cost.index else "",
        )
    console = Console()
    console.print(f"{len(mail)} messages of {size / len(mail) / 1024:.1f} KiB on average")
    console.print(table)
    figures = {
        "messages": len(mail),
        "octets": size,
        "servers": {name: asdict(costs[name]) for name in costs},
    }
    console.print(f"figures in {results.write('disk', figures, load_before)}", highlight=False)
    return 0


def _costs(mail: tuple[bytes, ...]) -> Iterator[tuple[str, Cost]]:
    if BINARY is not None:
        for name, kind, extra in (
            ("dovecot-sdbox", "sdbox", ""),
            ("dovecot-sdbox, zstd", "sdbox", VARIANTS["zstd"]),
            ("dovecot-maildir", "maildir", ""),
        ):
            with Dovecot("sdbox" if kind == "sdbox" else "maildir", extra=extra) as dovecot:
                Client(HOST, dovecot.ports.imap).login(USER, PASSWORD)
                home = dovecot.folder / "home"
                before = occupied(home)
                with _writing(dovecot.pid) as wrote:
                    _deliver(dovecot.ports.lmtp, mail)
                yield name, Cost(wrote[0], occupied(home) - before)
    with PillarboxServer() as pillarbox:
        pillarbox.ensure([USER])
        home = pillarbox.folder / "var" / "accounts"
        before = occupied(home)
        with _writing(pillarbox.pid) as wrote:
            _deliver(pillarbox.lmtp_port, mail)
        pillarbox.stop()
        # As a server does with an account at rest.
        for account in files.accounts(pillarbox.folder / "var"):
            folder = files.account_folder(pillarbox.folder / "var", account)
            sqlite.open_account(folder).complete()
            checkpoint.checkpoint(folder, truncate=True)
        index = occupied(home, "search.db*")
        yield "pillarbox", Cost(wrote[0], occupied(home) - index - before, index)


def _deliver(port: int, mail: tuple[bytes, ...]) -> None:
    connection = Lmtp(HOST, port)
    for message in mail:
        connection.deliver(USER.encode(), stuffed(message))
    connection.close()


@contextmanager
def _writing(pid: int) -> Iterator[list[int]]:
    """What the server's processes write meanwhile, and then until they write no more."""
    before = written(pid)
    out = [0]
    yield out
    until = time.monotonic() + REST
    last = -1
    while (now := written(pid)) != last and time.monotonic() < until:
        last = now
        time.sleep(2)
    out[0] = last - before


if __name__ == "__main__":
    sys.exit(main())
