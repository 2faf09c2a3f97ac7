"""An account without a server and without an event loop: for tests of what verbs do.

    with account(folder) as verbs:
        verbs.write(messages.append, verbs.inbox, staged(b"Subject: hello\\r\\n\\r\\n"))

Every verb runs in a transaction of its own, as the account's owner. When the account is closed, the
store's own check must find nothing wrong with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pillarbox.message.derive import derive
from pillarbox.model.actors import Actor
from pillarbox.store import compress, files, mailboxes
from pillarbox.store.check import check
from pillarbox.store.engine import sqlite
from pillarbox.store.staged import Staged

T = TypeVar("T")

OWNER = Actor(reader=1)


class Verbs:
    """Runs verbs on one account. `now` is its clock: move it as you like."""

    def __init__(self, folder: Path, now: int) -> None:
        self.folder = folder
        self.now = now
        self.database = sqlite.open_account(folder, clock=lambda: self.now)
        self.inbox = self.read(mailboxes.require, "INBOX").id

    def write(self, verb: Callable[..., T], *args: Any, actor: Actor = OWNER, **kwargs: Any) -> T:
        with self.database.transaction(write=True) as tx:
            return verb(tx, actor, *args, **kwargs)

    def read(self, verb: Callable[..., T], *args: Any, actor: Actor = OWNER, **kwargs: Any) -> T:
        with self.database.transaction(write=False) as tx:
            return verb(tx, actor, *args, **kwargs)

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        with self.database.transaction(write=False) as tx:
            return tx.rows(sql, *args)

    def run(self, sql: str, *args: Any) -> int:
        """Change the database by hand, past all verbs."""
        with self.database.transaction(write=True) as tx:
            return tx.run(sql, *args)

    def modseq(self) -> int:
        return self.database.read_modseq()


@contextmanager
def account(folder: Path, *, number: int = 7, now: int = 1_700_000_000) -> Iterator[Verbs]:
    """A new account under `folder`, checked when it is closed."""
    files.create_account(folder, number, now, mailboxes.create_initial)
    verbs = Verbs(files.account_folder(folder, number), now)
    try:
        yield verbs
    finally:
        verbs.database.close()
    problems = check(verbs.folder, clock=lambda: verbs.now)
    assert problems == [], problems


def staged(raw: bytes) -> Staged:
    """A message as `Staging` would give it; for small ones."""
    return Staged(
        size=len(raw),
        sha256=sha256(raw).digest(),
        derived=derive(raw),
        dictionary=compress.DICTIONARY,
        frames=None,
        data=compress.compress_whole(raw),
    )
