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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import messages
from bench.client import Client, Lmtp, stuffed
from bench.servers import HOST, PillarboxServer, family
from pillarbox.store import checkpoint, files
from pillarbox.store.engine import sqlite
from tests.oracle import BINARY, PASSWORD, Dovecot

USER = "disk@bench.test"
COUNT = 1000
REST = 60.0  # seconds that a server is given to come to rest
ZSTD = "mail_plugins = zlib\nplugin {\n  zlib_save = zstd\n}\n"


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
    for name, cost in _costs(mail):
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
    return 0


def _costs(mail: tuple[bytes, ...]) -> Iterator[tuple[str, Cost]]:
    if BINARY is not None:
        for name, kind, extra in (
            ("dovecot-sdbox", "sdbox", ""),
            ("dovecot-sdbox, zstd", "sdbox", ZSTD),
            ("dovecot-maildir", "maildir", ""),
        ):
            with Dovecot("sdbox" if kind == "sdbox" else "maildir", extra=extra) as dovecot:
                Client(HOST, dovecot.ports.imap).login(USER, PASSWORD)
                home = dovecot.folder / "home"
                before = _kept(home)
                with _writing(dovecot.pid) as written:
                    _deliver(dovecot.ports.lmtp, mail)
                yield name, Cost(written[0], _kept(home) - before)
    with PillarboxServer() as pillarbox:
        pillarbox.ensure([USER])
        home = pillarbox.folder / "var" / "accounts"
        before = _kept(home)
        with _writing(pillarbox.pid) as written:
            _deliver(pillarbox.lmtp_port, mail)
        pillarbox.stop()
        # As a server does with an account at rest.
        for account in files.accounts(pillarbox.folder / "var"):
            folder = files.account_folder(pillarbox.folder / "var", account)
            sqlite.open_account(folder).complete()
            checkpoint.checkpoint(folder, truncate=True)
        index = _kept(home, "search.db*")
        yield "pillarbox", Cost(written[0], _kept(home) - index - before, index)


def _deliver(port: int, mail: tuple[bytes, ...]) -> None:
    connection = Lmtp(HOST, port)
    for message in mail:
        connection.deliver(USER.encode(), stuffed(message))
    connection.close()


@contextmanager
def _writing(pid: int) -> Iterator[list[int]]:
    """What the server's processes write meanwhile, and then until they write no more."""
    before = _written(pid)
    out = [0]
    yield out
    until = time.monotonic() + REST
    last = -1
    while (now := _written(pid)) != last and time.monotonic() < until:
        last = now
        time.sleep(2)
    out[0] = last - before


def _written(pid: int) -> int:
    """A process that has ended counts with its parent."""
    total = 0
    for each in family(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{each}/io").read_text().splitlines():
                if line.startswith("write_bytes:"):
                    total += int(line.split()[1])
    return total


def _kept(folder: Path, pattern: str = "*") -> int:
    """Octets of blocks."""
    total = 0
    for path in folder.rglob(pattern):
        with suppress(OSError):
            total += path.stat().st_blocks * 512
    return total


if __name__ == "__main__":
    sys.exit(main())
