"""`python -m bench.finding [--messages 200000] [--data FOLDER] [--random N]`: searches of one large account.

The mail is the real corpus again and again, each time with other lines and words in it, so that the
vocabulary grows as it does in an account that has grown for years. Told are the speed of indexing, the size
of the index, and for common, rare and absent strings in each field how long the first search after a start
takes, how long a warm one, and the longest that the event loop was held up by that. With `--random` instead:
so many needles of each kind, cut out of the bodies at random. With `--real`
only the real mail, as it is, is indexed, time after time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice, repeat
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import messages as real
from bench.scale import watching
from pillarbox.app.indexer import KEPT_WARM
from pillarbox.message.searchable import searchable_parts
from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.store import blobs, checkpoint, files, mailboxes, messages
from pillarbox.store.engine import sqlite
from pillarbox.store.index.catching_up import behind, catch_up
from pillarbox.store.index.database import FILE
from pillarbox.store.messages import Incoming
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx
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
    parser.add_argument("--random", type=int, metavar="NEEDLES", help="of each kind, instead of the table")
    parser.add_argument("--real", action="store_true", help="index the real mail alone")
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
            _make(data, _as_it_is() if arguments.real else _items(arguments.messages))
        folder = files.account_folder(data, ACCOUNT)
        asyncio.run(_meet(data))
        if arguments.real:
            for _ in range(TIMES):
                _index(folder, console, anew=True)
            return 0
        if behind(folder):
            _index(folder, console)
        if arguments.random:
            asyncio.Runner(loop_factory=uvloop.new_event_loop).run(
                _at_random(data, arguments.random, console)
            )
            return 0
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


def _index(folder: Path, console: Console, *, anew: bool = False) -> None:
    gc.set_threshold(KEPT_WARM, 50, 1000)  # as in the process that does it
    since = time.process_time()
    caught = catch_up(folder, anew=anew)
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
    try:
        return await _timed(store, SEARCHES[arguments.one], TIMES)
    finally:
        await store.close()


async def _timed(store: Store, key: search.Key, times: int) -> tuple[int, float, float, float]:
    """How many are found, and milliseconds: the first time, the median of more `times`, and held up."""
    inbox = (await store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id
    columns = await store.columns(ACCOUNT, SERVER, inbox)
    everything = masks.full(len(columns.uids))
    scope = Scope(ACCOUNT, SERVER, inbox, columns.uids, lambda key: None)

    async def find() -> int:
        return masks.size(await Planner(store, scope).find(key, everything))

    # Processor time, of which there is no other to speak of: other programs do not count.
    begun = time.process_time()
    found = await find()
    first = time.process_time() - begun
    took = []
    for _ in range(times):
        begun = time.process_time()
        await find()
        took.append(time.process_time() - begun)
    with watching() as longest:
        await find()
    return found, first * 1e3, statistics.median(took) * 1e3, longest[0] * 1e3


def _words(text: str, chance: random.Random, pattern: re.Pattern[str]) -> str:
    found = [match.group() for match in pattern.finditer(text, chance.randrange(len(text)))][:1]
    return found[0] if found else ""


def _begun(needle: str, chance: random.Random) -> str:
    """With only the first letters of its last word."""
    last = needle.rpartition(" ")[2]
    return needle[: len(needle) - chance.randint(0, max(0, len(last) - 1))]


def _ended(needle: str, chance: random.Random) -> str:
    first = needle.partition(" ")[0]
    return needle[chance.randint(0, max(0, len(first) - 1)) :]


_TWO, _THREE = (re.compile(rf"(?<!\w)\w+(?: \w+){{{more}}}(?!\w)") for more in (1, 2))
_ACROSS = re.compile(r"\b\w{0,6}[^\w ]+ ?\w{1,6}")

KINDS: dict[str, Callable[[str, random.Random], str]] = {
    "two words": lambda text, chance: _words(text, chance, _TWO),
    "three words": lambda text, chance: _words(text, chance, _THREE),
    "two words, the last begun": lambda text, chance: _begun(_words(text, chance, _TWO), chance),
    "three words, the last begun": lambda text, chance: _begun(_words(text, chance, _THREE), chance),
    "the end of a word and a word": lambda text, chance: _ended(_words(text, chance, _TWO), chance),
    "across punctuation": lambda text, chance: _words(text, chance, _ACROSS),
    "one or two characters": lambda text, chance: _some(text, chance, chance.randint(1, 2)),
    "3 to 12 characters": lambda text, chance: _some(text, chance, chance.randint(3, 12)),
}


def _some(text: str, chance: random.Random, size: int) -> str:
    start = chance.randrange(len(text))
    return text[start : start + size]


async def _at_random(data: Path, count: int, console: Console) -> None:
    chance = random.Random(count)
    store = Store(data)
    await store.open()
    texts = await store.read(ACCOUNT, _bodies, 4 * count, chance)
    await store.close()
    table = Table("milliseconds", "first: median", "90%", "worst", "", "warm: median", "90%", "worst", "")
    for kind, cut in KINDS.items():
        needles = [needle for text in texts if len(needle := cut(text, chance)) > 0][:count]
        firsts, warms = [], []
        for needle in needles:
            store = Store(data)
            await store.open()
            _, first, warm, _ = await _timed(store, search.Body(needle), 1)
            await store.close()
            firsts.append((first, needle))
            warms.append((warm, needle))
        row = []
        for some in (sorted(firsts), sorted(warms)):
            row += [f"{some[len(some) * at // 10][0]:.0f}" for at in (5, 9)]
            row += [f"{some[-1][0]:.0f}", repr(some[-1][1])]
        table.add_row(kind, *row)
    console.print(table)


def _bodies(tx: Tx, count: int, chance: random.Random) -> list[str]:
    """The texts of some messages, as they are searched."""
    ids = [row[0] for row in tx.rows("SELECT blob FROM email WHERE account = ?", tx.account)]
    out = []
    for blob in map(blobs.open_blob, repeat(tx), chance.sample(ids, min(count, len(ids)))):
        parts = [part for part in searchable_parts(blob.read(0, blob.size)) if len(part) > 40]
        if parts:
            out.append(chance.choice(parts))
    return out


def _make(data: Path, items: Iterator[Incoming]) -> None:
    (data / "accounts").mkdir(parents=True, exist_ok=True)
    files.create_account(data, ACCOUNT, BEGUN, mailboxes.create_initial)
    folder = files.account_folder(data, ACCOUNT)
    database = sqlite.open_account(folder)
    try:
        with database.transaction(write=False) as tx:
            inbox = mailboxes.require(tx, SERVER, "INBOX").id
        for number, batch in enumerate(iter(lambda: list(islice(items, BATCH)), [])):
            with database.transaction(write=True) as tx:
                messages.append_many(tx, SERVER, inbox, batch)
            if number % 20 == 0:
                checkpoint.checkpoint(folder, truncate=False)
        database.complete()
    finally:
        database.close()


def _as_it_is() -> Iterator[Incoming]:
    return _incoming(real.all_messages())


def _incoming(some: Iterable[bytes]) -> Iterator[Incoming]:
    for number, message in enumerate(some):
        made = staged(message)
        if made.data is not None:
            yield Incoming(made, (), BEGUN + APART * number, 60)


def _items(many: int) -> Iterator[Incoming]:
    return _incoming(_made(many))


def _made(many: int) -> Iterator[bytes]:
    chance = random.Random(many)
    corpus = [message for message in real.all_messages() if len(message) < 64 * 1024]
    lines = [line for message in corpus for line in message.partition(b"\r\n\r\n")[2].splitlines() if line]
    names = [b"oxyrhynchus papyri", b"zork the great", b"a patented ratchet", b"bloomberg"]
    for number in range(many):
        message = corpus[number % len(corpus)]
        yield message if number < len(corpus) else _varied(message, number, lines, names, chance)


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
