"""`python -m bench.big_mailbox DATA COUNT`: an account whose INBOX holds COUNT messages.

Everything goes through the verbs, so the account is as valid as one that has grown for years: small messages
in long conversations, most of them read, the last hundred not, keywords here and there, and gaps in the UIDs
where mail has been expunged.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pillarbox.message.derive import derive
from pillarbox.model.actors import SERVER
from pillarbox.model.flags import ANSWERED, DELETED, FLAGGED, SEEN
from pillarbox.store import checkpoint, compress, files, mailboxes, messages
from pillarbox.store.engine import sqlite
from pillarbox.store.messages import Incoming
from pillarbox.store.staged import Staged

ACCOUNT = 1
BEGUN = 1_500_000_000  # the first message's INTERNALDATE
APART = 120  # seconds between two messages
BATCH = 500  # messages of one mod-sequence
BATCHES = 20  # between two checkpoints
UNSEEN = 100  # the newest
WORDS = ("the", "quarter", "budget", "draft", "server", "garden", "invoice", "meeting", "please", "answer")


def make(data: Path, count: int) -> Path:
    """The folder of a new account `ACCOUNT` with `count` messages in its INBOX."""
    (data / "accounts").mkdir(parents=True, exist_ok=True)
    now = int(time.time())
    files.create_account(data, ACCOUNT, now, mailboxes.create_initial)
    folder = files.account_folder(data, ACCOUNT)
    database = sqlite.open_account(folder)
    gone = max(1, count // 1000)
    items = _items(count + gone)
    try:
        with database.transaction(write=False) as tx:
            inbox = mailboxes.require(tx, SERVER, "INBOX").id
        left, batches = count + gone, 0
        while left:
            batch = [next(items) for _ in range(min(BATCH, left))]
            with database.transaction(write=True) as tx:
                messages.append_many(tx, SERVER, inbox, batch)
            left -= len(batch)
            batches += 1
            if batches % BATCHES == 0:
                checkpoint.checkpoint(folder, truncate=False)
        with database.transaction(write=True) as tx:
            messages.expunge(tx, SERVER, inbox)
        database.complete()
    finally:
        database.close()
    return folder


def _items(total: int) -> Iterator[Incoming]:
    chance = random.Random(total)
    gone = set(chance.sample(range(total), max(1, (total + 1) // 1001)))
    for number in range(total):
        if number in gone:
            flags: tuple[str, ...] = (DELETED,)
        elif number >= total - UNSEEN:
            flags = ()
        else:
            flags = (SEEN, *(flag for flag, share in SHARES.items() if chance.random() < share))
        at = BEGUN + APART * number
        yield Incoming(_staged(number, at, chance), flags, at, 60)


SHARES = {ANSWERED: 0.1, FLAGGED: 0.01, "$Forwarded": 0.02, "$Junk": 0.005, "later": 0.002}


def _staged(number: int, at: int, chance: random.Random) -> Staged:
    first = number - number % 8  # eight messages a conversation
    text = "".join(" ".join(chance.choices(WORDS, k=9)) + "\r\n" for _ in range(4))
    topic = " ".join(chance.choices(WORDS, k=3)) if number == first else f"Re: conversation {first}"
    raw = (
        f"From: Correspondent {number % 97} <c{number % 97}@example.org>\r\nTo: <me@example.test>\r\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S', time.gmtime(at))} +0000\r\n"
        f"Message-ID: <{number}@example.org>\r\n"
        + (f"In-Reply-To: <{number - 1}@example.org>\r\n" if number != first else "")
        + f"Subject: {topic if number != first else f'conversation {first}'}\r\n\r\n{topic}\r\n{text}"
    ).encode("ascii")
    return Staged(
        size=len(raw),
        sha256=sha256(raw).digest(),
        derived=derive(raw),
        dictionary=compress.DICTIONARY,
        frames=None,
        data=compress.compress_whole(raw),
    )


if __name__ == "__main__":
    begun = time.monotonic()
    made = make(Path(sys.argv[1]), int(sys.argv[2]))
    print(f"{made} in {time.monotonic() - begun:.0f} s")
