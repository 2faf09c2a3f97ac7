"""A delivery on a real store: two accounts with a few names, every clock and number fixed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillarbox.delivery.deliver import Delivery
from pillarbox.delivery.envelope import Addressed, Envelope, Origin
from pillarbox.delivery.post import Post, Submission
from pillarbox.delivery.queue.database import Queue
from pillarbox.delivery.records import Records
from pillarbox.identity.directory import Recipient
from pillarbox.identity.routes import Expansion, Nowhere
from pillarbox.model.actors import SERVER
from pillarbox.store import blobs, flags, mailboxes
from pillarbox.store.check import check
from pillarbox.store.files import account_folder
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx

HOST = "mx.example.test"
NOW = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 +0000"
ANN, BOB = 7, 8
NAMES = {"ann": ANN, "annie": ANN, "bob": BOB, "postmaster": BOB, "用户": BOB}


@dataclass(frozen=True, slots=True)
class Filed:
    path: str
    raw: bytes
    flags: tuple[str, ...] = ()


@dataclass
class Office:
    store: Store
    delivery: Delivery
    queue: Queue
    records: Records
    errors: list[BaseException] = field(default_factory=list)
    submission: Submission = field(default_factory=Submission)

    def resolve(self, address: str) -> Recipient | None:
        local, _, domain = address.rpartition("@")
        user, _, detail = local.partition("+")
        if user not in NAMES or domain not in ("example.test", HOST):
            return None
        return Recipient(NAMES[user], 1, f"{user}@{domain}", detail or None)

    def expand(self, address: str) -> Expansion | Nowhere:
        recipient = self.delivery.resolve(address)
        return Nowhere.UNKNOWN if recipient is None else Expansion((recipient,))

    @property
    def post(self) -> Post:
        # Looked up again each time, so that a test may break it.
        return Post(
            self.delivery,
            lambda address: self.expand(address),
            self.queue,
            self.records,
            key=b"k" * 32,
            submission=self.submission,
        )

    def envelope(self, *paths: str, sender: str = "who@else.test", **more: Any) -> Envelope:
        found = [(path, self.resolve(path)) for path in paths]
        addressed = tuple(Addressed(path, recipient) for path, recipient in found if recipient is not None)
        return Envelope(sender, addressed, "X1", Origin("client.test", "192.0.2.7", "LMTP"), **more)

    async def filed(self, account: int) -> list[Filed]:
        """Every message of the account, oldest first in each mailbox."""
        return await self.store.read(account, _filed)

    async def create(self, account: int, path: str) -> None:
        await self.store.write(account, mailboxes.create, SERVER, path)


def _filed(tx: Tx) -> list[Filed]:
    rows = tx.rows(
        "SELECT mailbox, blob, flag_set FROM message JOIN email ON email.id = message.email"
        " ORDER BY mailbox, uid"
    )
    return [
        Filed(mailboxes.path_of(tx, mailbox), blobs.raw(tx, blob), flags.flag_set(tx, flag_set))
        for mailbox, blob, flag_set in rows
    ]


@asynccontextmanager
async def office(folder: Path, store: Callable[..., Store] = Store, **options: Any) -> AsyncIterator[Office]:
    """Open it; at the end nothing may have gone wrong, and the store must be as it should be."""
    place = store(folder, clock=lambda: NOW)
    await place.open()
    queue = Queue(folder)
    made = Office(place, None, queue, Records(queue))  # type: ignore[arg-type]
    made.delivery = Delivery(
        place, made.resolve, hostname=HOST, clock=lambda: NOW, report=made.errors.append, **options
    )
    try:
        for account in (ANN, BOB):
            await place.create_account(account)
        yield made
    finally:
        await made.records.close()
        queue.close()
        await place.close()
    for account in (ANN, BOB):
        assert check(account_folder(folder, account)) == []
    spool = folder / "spool"
    assert list(spool.iterdir()) == []
