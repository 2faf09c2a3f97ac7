"""What has to be done to accounts now and then, by one process of a server: erase what was expunged long
ago, forget changes and reminders that have had their time, unlink files that belong to nothing.

Each verb takes a small bite, so that clients come in between; all of it may stop at any moment, and is
taken up again where it was left.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pillarbox.message.derive import Derived, derive
from pillarbox.model.errors import Refused
from pillarbox.store import (
    blobs,
    buried,
    changes,
    emails,
    files,
    flags,
    header_rows,
    incarnation,
    objects,
    order_files,
    remembered,
    snapshots,
    threads,
)
from pillarbox.store.blobs import Blob
from pillarbox.store.check import ABANDONED
from pillarbox.store.index import database
from pillarbox.store.staged import Place
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx

FIRST = 600.0  # seconds after the start: not while everybody comes back
EVERY = 6 * 3600.0
PAGE = 500  # emails of which the version is asked at once
BETWEEN = 0.05  # seconds between two accounts, for those who are waited for


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[None]:
    """All accounts are kept tidy while the context lasts."""
    task = asyncio.create_task(_for_ever(store))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _for_ever(store: Store) -> None:
    await asyncio.sleep(FIRST)
    while True:
        with suppress(OSError):
            await asyncio.to_thread(_clear, store.data, store.clock() - ABANDONED)
        for account in await asyncio.to_thread(files.accounts, store.data):
            with suppress(Refused, OSError):  # damaged, just erased, or on a full disk: the others come first
                await tidy(store, account)
            await asyncio.sleep(BETWEEN)
        await asyncio.sleep(EVERY)


async def tidy(store: Store, account: int) -> None:
    """Do everything that is due in one account."""
    await _derive_again(store, account)
    while await store.write(account, buried.sweep):
        pass
    erased_any = False
    while (erased := await store.write(account, buried.erase)).messages:
        erased_any = True
        folder = files.account_folder(store.data, account)
        # After the commit: a file without a row is clutter, a row without a file a lost message. Who is
        # just reading one of them has it open.
        await asyncio.to_thread(_unlink, [objects.path(folder, blob) for blob in erased.files])
    if erased_any:
        await asyncio.to_thread(database.mark_erased, files.account_folder(store.data, account))
        await _sweep_keys(store, account)
        named = await store.read(account, incarnation.lineage)
        await asyncio.to_thread(header_rows.sweep, files.account_folder(store.data, account), named)
    await store.write(account, flags.sweep)
    await store.write(account, _forget_changes)
    while await store.write(account, remembered.forget):
        pass
    await _unlink_abandoned(store, account)
    known = await store.read(account, _mailboxes)
    for sweep in (snapshots.sweep, order_files.sweep):
        await asyncio.to_thread(sweep, files.account_folder(store.data, account), known)


async def _derive_again(store: Store, account: int) -> None:
    """Old mail gets what newer code makes of it."""
    after = 0
    while True:
        stale, after = await store.read(account, emails.needs_derive, PAGE, after)
        for email, blob in stale:
            with suppress(Refused):  # just erased
                opened = await store.read(account, blobs.open_blob, blob)
                derived = await asyncio.to_thread(_derived, opened)
                await store.write(account, emails.rederive, email, derived, durable=False)
        if not after:
            return


def _derived(blob: Blob) -> Derived:
    return derive(blob.read(0, blob.size))


async def _sweep_keys(store: Store, account: int) -> None:
    """Threads of which everything is erased are joined by nobody any more."""
    place: threads.Position | None = threads.START
    while place is not None:
        place = await store.write(account, threads.sweep, place)


def _clear(data: Path, before: float) -> None:
    """What a process left that died while it made or erased an account, or took in a large message."""
    left = [*(data / "accounts").glob(".*"), *(data / "spool").glob("*")]
    for path in left:
        if path.stat().st_mtime < before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _forget_changes(tx: Tx) -> None:
    changes.forget(tx, tx.now - buried.RETENTION)


async def _unlink_abandoned(store: Store, account: int) -> None:
    """Files that a process placed and then did not live to store."""
    folder = files.account_folder(store.data, account)
    old = await asyncio.to_thread(_old_files, folder, store.clock() - ABANDONED)
    if old:
        known = await store.read(account, _large_blobs)
        await asyncio.to_thread(_unlink, [path for path in old if path.name not in known])


def _large_blobs(tx: Tx) -> set[str]:
    rows = tx.rows("SELECT id FROM blob WHERE account = ? AND place = ?", tx.account, int(Place.FILE))
    return {f"{blob:016x}" for (blob,) in rows}


def _mailboxes(tx: Tx) -> set[int]:
    rows = tx.rows("SELECT id FROM mailbox WHERE account = ? AND deleted IS NULL", tx.account)
    return {mailbox for (mailbox,) in rows}


def _old_files(folder: Path, before: float) -> list[Path]:
    return [path for path in (folder / "blobs").glob("??/*") if path.stat().st_mtime < before]


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
