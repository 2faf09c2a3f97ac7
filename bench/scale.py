"""`python -m bench.scale [--sizes 1000,100000] [--data FOLDER]`: what depends on the size of one mailbox.

Each size is a process of its own: a store, and IMAP sessions on the transport made of memory, so that
nothing but our own work is measured. Each command is measured alone, then again beside a task that does
nothing but ask for its turn: the longest that that has to wait is how long others are held up.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import results
from bench.big_mailbox import ACCOUNT, make
from pillarbox.delivery.deliver import Delivery
from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim, Credentials
from pillarbox.identity.directory import Recipient
from pillarbox.imap.session import Services, Session
from pillarbox.imap.settings import Settings
from pillarbox.model.actors import SERVER
from pillarbox.net import memory
from pillarbox.net.memory import Client
from pillarbox.store import changes, files, snapshots
from pillarbox.store.store import Store

SIZES = "1000,100000"
TIMES = 15  # each command; the median counts, as other programs hold us up too
STARTS = 5
TEN = 10
MESSAGE = b"From: <a@example.org>\r\nSubject: new\r\nMessage-ID: <%d@scale>\r\n\r\nnew\r\n"

Command = Callable[[], Awaitable[object]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default=SIZES, help="messages, separated by commas")
    parser.add_argument("--data", type=Path, help="keep the mailboxes here, and use those that are there")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_measure(arguments.one))))
        return 0
    columns: dict[str, dict[str, float]] = {}
    load_before = results.load()
    with ExitStack() as stack:
        for size in arguments.sizes.split(","):
            base = arguments.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale.")))
            data = base / size
            if not (data / "accounts").exists():
                make(data, int(size))
            done = subprocess.run(
                [sys.executable, "-m", "bench.scale", "--one", str(data)], stdout=subprocess.PIPE, check=True
            )
            columns[size] = json.loads(done.stdout)
    _show(columns)
    print(f"figures in {results.write('scale', columns, load_before)}")
    return 0


def _show(columns: dict[str, dict[str, float]]) -> None:
    table = Table(title="median (longest hold-up of the event loop)", title_justify="left")
    table.add_column("messages in the mailbox")
    for size in columns:
        table.add_column(f"{int(size):,}", justify="right")
    figures = next(iter(columns.values()))
    for name in figures:
        if name.endswith("held"):
            continue
        cells = []
        for column in columns.values():
            held = column.get(f"{name} held")
            unit = "MiB" if "memory" in name else "ms"
            cells.append(f"{column[name]:.3g} {unit}" + (f" ({held:.2g})" if held is not None else ""))
        table.add_row(name, *cells)
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)


async def _login(credentials: Claim, channel: Channel) -> Login:
    assert isinstance(credentials, Credentials)
    return Login(ACCOUNT, 1, credentials.name)


def _services(store: Store) -> Services:
    return Services(store, _login, Settings("scale"), _report, lambda name: None, secrets.token_bytes)


def _report(error: BaseException) -> str:
    raise error


class Imap:
    """One client."""

    def __init__(self, store: Store) -> None:
        self.client: Client = memory.connect(Session(_services(store)))

    async def begin(self, *commands: str) -> Imap:
        await self.client.read_line()
        for command in ("LOGIN me x", *commands):
            await self.do(command)
        return self

    async def do(self, command: str) -> bytes:
        await self.client.send(b"t " + command.encode() + b"\r\n")
        answer = b""
        while not (line := await self.client.read_line()).startswith(b"t "):
            answer += line
        assert line.startswith(b"t OK"), (command, line)
        return answer

    async def idle(self) -> None:
        await self.client.send(b"t IDLE\r\n")
        await self.client.read_line()


class Figures:
    """Milliseconds by name."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    async def measure(
        self, name: str, command: Command, *, before: Command | None = None, times: int = TIMES
    ) -> None:
        took = [await _timed(command, before) for _ in range(times)]
        self.taken[name] = statistics.median(took) * 1000
        held = []
        for _ in range(times):
            if before is not None:
                await before()
            with watching() as longest:
                await command()
            held.append(longest[0])
        self.taken[f"{name} held"] = statistics.median(held) * 1000


async def _timed(command: Command, before: Command | None = None) -> float:
    if before is not None:
        await before()
    begun = time.perf_counter()
    await command()
    return time.perf_counter() - begun


@contextmanager
def watching() -> Iterator[list[float]]:
    """A list with the longest that a turn of the loop has taken meanwhile."""
    longest = [0.0]
    loop = asyncio.get_running_loop()
    last = time.perf_counter()
    ended = False

    def turn() -> None:
        nonlocal last
        now = time.perf_counter()
        longest[0] = max(longest[0], now - last)
        last = now
        if not ended:
            loop.call_soon(turn)

    loop.call_soon(turn)
    try:
        yield longest
    finally:
        ended = True
        longest[0] = max(longest[0], time.perf_counter() - last)


async def _measure(data: Path) -> dict[str, float]:
    figures = Figures()
    store = Store(data)
    await store.open()
    before = _memory()
    first = await Imap(store).begin("SELECT INBOX")
    figures.taken["memory for its first session"] = (_memory() - before) / 2**20
    nine = [await Imap(store).begin("SELECT INBOX") for _ in range(9)]
    figures.taken["memory with nine more"] = (_memory() - before) / 2**20
    await _sorting(figures, store)
    await _commands(figures, store, first)
    del nine
    await store.close()
    await _starts(figures, data)
    return figures.taken


async def _starts(figures: Figures, data: Path) -> None:
    """A server that has just been started, and was told of the mailbox by an earlier one or was not."""
    views = files.account_folder(data, ACCOUNT) / snapshots.FOLDER
    stores: list[Store] = []
    fresh: list[Imap] = []

    async def restart() -> None:
        if stores:
            await stores.pop().close()
            fresh.clear()
        stores.append(Store(data))
        await stores[0].open()
        fresh.append(await Imap(stores[0]).begin())

    async def restart_without() -> None:
        await restart()
        shutil.rmtree(views, ignore_errors=True)

    async def select() -> None:
        await fresh[0].do("SELECT INBOX")

    await figures.measure("first SELECT after a restart", select, before=restart, times=STARTS)
    await figures.measure("first SELECT ever", select, before=restart_without, times=STARTS)
    await stores.pop().close()


async def _commands(figures: Figures, store: Store, imap: Imap) -> None:
    measure = figures.measure
    await measure("SELECT", lambda: imap.do("SELECT INBOX"))
    rev2 = await Imap(store).begin("ENABLE IMAP4rev2")
    await measure("SELECT, IMAP4rev2", lambda: rev2.do("SELECT INBOX"))
    other = await Imap(store).begin()
    await measure(
        "STATUS", lambda: other.do("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)")
    )
    await measure("STATUS (RECENT)", lambda: other.do("STATUS INBOX (RECENT)"))
    count = int((await imap.do("SELECT INBOX")).split(b" EXISTS")[0].rsplit(b" ", 1)[-1])
    uids = (await imap.do(f"FETCH {count - 49} (UID)")).rsplit(b"UID ", 1)[-1]
    uid = int(uids.partition(b")")[0])
    await measure("FETCH of the last 50, FLAGS", lambda: imap.do(f"FETCH {count - 49}:* (UID FLAGS)"))
    await measure("UID FETCH of the last 50, FLAGS", lambda: imap.do(f"UID FETCH {uid}:* (FLAGS)"))
    await measure("FETCH of the last 50, ENVELOPE", lambda: imap.do(f"FETCH {count - 49}:* (FLAGS ENVELOPE)"))
    mover = await Imap(store).begin("SELECT INBOX")

    turns = itertools.cycle("+-")

    async def ten_changes() -> None:
        sign = next(turns)
        for step in range(TEN):
            await mover.do(f"STORE {count * step // TEN + 1} {sign}FLAGS.SILENT (\\Draft)")

    await measure("NOOP that tells of 10 changes", lambda: imap.do("NOOP"), before=ten_changes)
    inbox = int(
        (await store.read(ACCOUNT, lambda tx: tx.rows("SELECT id FROM mailbox WHERE name = 'INBOX'")))[0][0]
    )
    since = store.modseq(ACCOUNT)
    await ten_changes()
    await measure(
        "changes.since, 10 changes", lambda: store.read(ACCOUNT, changes.since, SERVER, inbox, since)
    )
    if b"QRESYNC" in await imap.do("CAPABILITY"):
        device = await Imap(store).begin("ENABLE QRESYNC")
        codes = (
            part.partition(b"]")[0].partition(b" ") for part in (await device.do("SELECT INBOX")).split(b"[")
        )
        known = {name: value.decode() for name, _, value in codes}
        await ten_changes()
        command = f"SELECT INBOX (QRESYNC ({known[b'UIDVALIDITY']} {known[b'HIGHESTMODSEQ']}))"
        assert (await device.do(command)).count(b" FETCH ") == TEN
        await measure("SELECT with QRESYNC, 10 changes", lambda: device.do(command))
    await measure("STORE of one message", lambda: imap.do(f"STORE {count // 2} {next(turns)}FLAGS (\\Draft)"))
    delivery = Delivery(
        store,
        lambda _: Recipient(ACCOUNT, 1, "me@scale", None),
        hostname="scale",
        clock=time.time,
        report=_report,
    )
    sent = itertools.count()

    async def deliver() -> None:
        outcome = await delivery.hand_over("me@scale", [MESSAGE % next(sent)], id="scale")
        assert outcome.delivered, outcome

    listener = await Imap(store).begin("SELECT INBOX")
    await listener.idle()

    async def pushed() -> None:
        await deliver()
        await listener.client.read_until(b" EXISTS\r\n")

    async def quiet() -> None:
        await asyncio.sleep(0.01)
        listener.client.read_now()

    await measure("delivery, and EXISTS in an IDLE session", pushed, before=quiet)
    await measure(
        "EXPUNGE of one in the middle", lambda: mover.do("EXPUNGE"), before=lambda: _delete(mover, count)
    )


async def _sorting(figures: Figures, store: Store) -> None:
    """What a mailbox's order is when nobody has asked for it yet, and when it is known."""
    asking: list[Imap] = []

    async def nothing_kept() -> None:
        asking[:] = [await Imap(store).begin("SELECT INBOX")]  # with services of its own

    for command in ("SORT (REVERSE DATE)", "SORT (SUBJECT)", "THREAD REFERENCES", "THREAD REFS"):

        async def ask(command: str = command) -> None:
            await asking[0].do(f"{command} UTF-8 ALL")

        await figures.measure(f"{command}, first", ask, before=nothing_kept, times=STARTS)
        await figures.measure(f"{command}, again", ask, times=STARTS)


async def _delete(mover: Imap, count: int) -> None:
    await mover.do(f"STORE {count // 3} +FLAGS.SILENT (\\Deleted)")


def _memory() -> int:
    """Octets this process holds of its own."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())
