"""`python -m bench.finding [--messages 200000] [--data FOLDER]`: searches of one large account.

The mail is the real corpus again and again, each time with other lines and words in it, so that the
vocabulary grows as it does in an account that has grown for years. Told are the speed of indexing, the size
of the index, and for common, rare and absent strings in each field how long the first search after a start
takes, how long a warm one, and the longest that the event loop was held up by that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import messages as real
from bench.scale import watching
from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.store import checkpoint, files, mailboxes, messages
from pillarbox.store.engine import sqlite
from pillarbox.store.index.catching_up import behind, catch_up
from pillarbox.store.index.database import FILE
from pillarbox.store.messages import Incoming
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from pillarbox.testing.verbs import staged

ACCOUNT = 1
BEGUN = 1_200_000_000
APART = 1800
BATCH = 500
TIMES = 5
RARE = 0.003  # of the messages of later rounds have a line with a name that few others have

SEARCHES: dict[str, search.Key] = {
    "FROM, common": search.Header("from", "redhat"),
    "FROM, rare": search.Header("from", "bloomberg"),
    "TO, common": search.Header("to", "spamassassin"),
    "CC, rare": search.Header("cc", "zork"),
    "SUBJECT, common": search.Header("subject", "re: "),
    "SUBJECT, rare": search.Header("subject", "razor-agents"),
    "SUBJECT, one character": search.Header("subject", "x"),
    "HEADER, by name": search.Header("x-mailer", "evolution"),
    "HEADER, there is one": search.Header("x-priority", ""),
    "BODY, rare": search.Body("oxyrhynchus"),
    "BODY, absent": search.Body("qqzzxj"),
    "BODY, in a word": search.Body("atent"),
    "BODY, common": search.Body("the"),
    "BODY, one character": search.Body("e"),
    "BODY, two characters": search.Body("qu"),
    "BODY, punctuation": search.Body("!!"),
    "BODY, a space": search.Body(" "),
    "BODY, two words, one rare": search.Body("oxyrhynchus papyri"),
    "BODY, two frequent words": search.Body("of the"),
    "BODY, a frequent phrase": search.Body("from the mailing list"),
    "TEXT, rare": search.Text("oxyrhynchus"),
    "TEXT, common": search.Text("linux"),
    "TEXT, absent": search.Text("qqzzxj"),
    "NOT TEXT, common": search.Not(search.Text("linux")),
    "two texts": search.And((search.Body("linux"), search.Header("from", "redhat"))),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.finding", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--data", type=Path, help="keep the account here, and use the one that is there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_search(arguments))))
        return 0
    console = Console(width=None if sys.stdout.isatty() else 120)
    with ExitStack() as stack:
        data = arguments.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finding.")))
        if not (data / "accounts").exists():
            if not real.available():
                console.print("the corpus of real messages is not here: set PILLARBOX_CORPUS")
                return 2
            _make(data, arguments.messages)
        folder = files.account_folder(data, ACCOUNT)
        asyncio.run(_meet(data))
        if behind(folder):
            _index(folder, console)
        table = Table("milliseconds", "found", "first", "warm", "held up")
        for name in SEARCHES:
            done = subprocess.run(
                [sys.executable, "-m", "bench.finding", "--one", name, "--data", str(data)],
                stdout=subprocess.PIPE,
                check=True,
            )
            found, first, warm, held = json.loads(done.stdout)
            table.add_row(name, f"{found:,}", f"{first:.1f}", f"{warm:.1f}", f"{held:.1f}")
        console.print(table)
    return 0


async def _meet(data: Path) -> None:
    """As a server that begins: an account it has never seen gets another lineage."""
    store = Store(data)
    await store.open()
    await store.read(ACCOUNT, lambda tx: tx.now)
    await store.close()


def _index(folder: Path, console: Console) -> None:
    since = time.process_time()
    caught = catch_up(folder)
    seconds = time.process_time() - since
    size = (folder / FILE).stat().st_size
    console.print(
        f"{caught.messages:,} messages, {caught.octets / 1e6:,.0f} MB: indexed in {seconds:.1f} s of"
        f" processor time, {caught.octets / 1e6 / seconds:.1f} MB/s; {size / 1e6:,.0f} MB,"
        f" {100 * size / caught.octets:.0f}% of the mail",
        highlight=False,
    )


async def _search(arguments: argparse.Namespace) -> tuple[int, float, float, float]:
    store = Store(arguments.data)
    await store.open()
    inbox = (await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id
    columns = await store.columns(ACCOUNT, SERVER, inbox)
    everything = masks.full(len(columns.uids))
    scope = Scope(ACCOUNT, SERVER, inbox, columns.uids, lambda key: None)

    async def find() -> int:
        return masks.size(await Planner(store, scope).find(SEARCHES[arguments.one], everything))

    # Processor time, of which there is no other to speak of: other programs do not count.
    begun = time.process_time()
    found = await find()
    first = time.process_time() - begun
    took = []
    for _ in range(TIMES):
        begun = time.process_time()
        await find()
        took.append(time.process_time() - begun)
    with watching() as longest:
        await find()
    await store.close()
    return found, first * 1e3, statistics.median(took) * 1e3, longest[0] * 1e3


def _make(data: Path, count: int) -> None:
    (data / "accounts").mkdir(parents=True, exist_ok=True)
    files.create_account(data, ACCOUNT, BEGUN, mailboxes.create_initial)
    folder = files.account_folder(data, ACCOUNT)
    database = sqlite.open_account(folder)
    try:
        with database.transaction(write=False) as tx:
            inbox = mailboxes.require(tx, SERVER, "INBOX").id
        items = _items(count)
        for number in range(0, count, BATCH):
            batch = [next(items) for _ in range(min(BATCH, count - number))]
            with database.transaction(write=True) as tx:
                messages.append_many(tx, SERVER, inbox, batch)
            if number % (20 * BATCH) == 0:
                checkpoint.checkpoint(folder, truncate=False)
        database.complete()
    finally:
        database.close()


def _items(count: int) -> Iterator[Incoming]:
    chance = random.Random(count)
    corpus = [message for message in real.all_messages() if len(message) < 64 * 1024]
    lines = [line for message in corpus for line in message.partition(b"\r\n\r\n")[2].splitlines() if line]
    names = [b"oxyrhynchus papyri", b"zork the great", b"a patented ratchet", b"bloomberg"]
    for number in range(count):
        message = corpus[number % len(corpus)]
        if number >= len(corpus):
            message = _varied(message, number, lines, names, chance)
        made = staged(message)
        if made.data is None:
            continue
        yield Incoming(made, (), BEGUN + APART * number, 60)


def _varied(
    message: bytes, number: int, lines: list[bytes], names: list[bytes], chance: random.Random
) -> bytes:
    """Half of the body's lines are from other messages, and a few words are new."""
    header, blank, body = message.partition(b"\r\n\r\n")
    header = header.replace(b"\nMessage-Id: <", b"\nMessage-Id: <%d." % number, 1)
    header = header.replace(b"\nSubject: ", b"\nSubject: [%d] " % (number % 9973), 1)
    if b"multipart" in header.lower() or b"base64" in header.lower():
        return header + blank + body
    own = [line if chance.random() < 0.5 else chance.choice(lines) for line in body.splitlines()]
    own.append(b"ticket %d, %x" % (number, chance.getrandbits(40)))
    if chance.random() < RARE:
        own.append(chance.choice(names))
    return header + blank + b"\r\n".join(own) + b"\r\n"


if __name__ == "__main__":
    sys.exit(main())
