"""Letters into mailboxes: bare LF becomes CRLF, messages go in in batches, one transaction each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pillarbox.app.importing.letter import Letter
from pillarbox.message.line_ends import to_crlf
from pillarbox.model.actors import SERVER
from pillarbox.model.names import INBOX, SEPARATOR, validated
from pillarbox.store import mailboxes, messages
from pillarbox.store.messages import Incoming
from pillarbox.store.staged import Staged
from pillarbox.store.store import Store

BATCH_MESSAGES = 200
BATCH_OCTETS = 8 * 1024 * 1024  # what a batch holds in memory at most, besides its last message


@dataclass(slots=True)
class Imported:
    messages: int = 0
    octets: int = 0
    mailboxes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    path: str
    items: list[Incoming] = field(default_factory=list)
    octets: int = 0

    def is_full(self) -> bool:
        return len(self.items) >= BATCH_MESSAGES or self.octets >= BATCH_OCTETS


async def file_letters(
    store: Store,
    account: int,
    into: str,
    letters: Iterable[Letter],
    advance: Callable[[int], None] = lambda octets: None,
) -> Imported:
    """Every letter is durable in its mailbox when this returns; `advance` hears of octets filed."""
    into = validated(into)
    done = Imported()
    batch = _Batch(into)
    for letter in letters:
        path = target(into, letter.mailbox)
        if path != batch.path or batch.is_full():
            await _file(store, account, batch, done)
            batch = _Batch(path)
        staged = await _stage(store, letter)
        at = letter.internal_at or staged.derived.sent_at or letter.modified_at
        batch.items.append(Incoming(await store.place(account, staged), letter.flags, at))
        batch.octets += staged.size
        advance(staged.size)
    await _file(store, account, batch, done)
    return done


def target(into: str, below: str) -> str:
    """Where a mailbox of the files goes: what lay beside their INBOX lies beside ours."""
    if not below:
        return into
    return validated(below if into == INBOX else into + SEPARATOR + below)


async def _stage(store: Store, letter: Letter) -> Staged:
    staging = store.staging()
    try:
        for piece in to_crlf(letter.pieces):
            await staging.write(piece)
        return await staging.finish()
    except BaseException:
        staging.abandon()
        raise


async def _file(store: Store, account: int, batch: _Batch, done: Imported) -> None:
    if not batch.items:
        return
    row = await store.read(account, mailboxes.find, SERVER, batch.path)
    if row is None or not row.selectable:
        row = await store.write(account, mailboxes.create, SERVER, batch.path)
    try:
        await store.write(account, messages.append_many, SERVER, row.id, batch.items)
    except BaseException:
        for item in batch.items:
            await store.withdraw(account, item.staged)
        raise
    done.messages += len(batch.items)
    done.octets += batch.octets
    if batch.path not in done.mailboxes:
        done.mailboxes.append(batch.path)
