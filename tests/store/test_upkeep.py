"""What is long gone is erased from the disk too, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.model.actors import SERVER
from pillarbox.store import blobs, buried, check, emails, files, mailboxes, messages, objects, upkeep
from pillarbox.store.staged import INLINE_LIMIT, Staged
from pillarbox.store.store import Store

ACCOUNT = 7
NOW = 1_700_000_000
Play = Callable[[Callable[[Store], Awaitable[None]]], None]


async def large(store: Store) -> Staged:
    staging = store.staging()
    await staging.write(b"Subject: x\r\n\r\n" + random.Random(1).randbytes(2 * INLINE_LIMIT))
    return await store.place(ACCOUNT, await staging.finish())


async def inbox(store: Store) -> int:
    row = await store.read(ACCOUNT, mailboxes.find, SERVER, "INBOX")
    assert row is not None
    return row.id


def file_of(store: Store, staged: Staged) -> Path:
    return objects.path(files.account_folder(store.data, ACCOUNT), staged.blob)


def test_an_expunged_message_goes_when_its_time_has_come(tmp_path: Path) -> None:
    now = NOW

    async def told() -> None:
        nonlocal now
        store = Store(tmp_path, clock=lambda: now)
        await store.open()
        await store.create_account(ACCOUNT)
        mailbox = await inbox(store)
        gone, kept = await large(store), await large(store)
        for staged in (gone, kept):
            await store.write(ACCOUNT, messages.append, SERVER, mailbox, staged, ("\\Deleted",), NOW, 0)
        await store.write(ACCOUNT, messages.expunge, SERVER, mailbox, ((1, 1),))
        await upkeep.tidy(store, ACCOUNT)
        assert file_of(store, gone).exists()
        blob = await store.read(ACCOUNT, blobs.open_blob, gone.blob)
        now += buried.RETENTION + 1
        await upkeep.tidy(store, ACCOUNT)
        assert not file_of(store, gone).exists()
        assert file_of(store, kept).exists()
        assert len(blob.read(0, 10**9)) == gone.size  # for who had it open
        await store.close()

    asyncio.run(told())
    assert check.check(files.account_folder(tmp_path, ACCOUNT)) == []


def test_files_of_nothing_go_after_a_day(play: Play) -> None:
    async def story(store: Store) -> None:
        mailbox = await inbox(store)
        old, fresh, stored = [await large(store) for _ in range(3)]
        await store.write(ACCOUNT, messages.append, SERVER, mailbox, stored, (), NOW, 0)
        for staged in (old, stored):
            os.utime(file_of(store, staged), (1, 1))
        await upkeep.tidy(store, ACCOUNT)
        assert not file_of(store, old).exists()
        assert file_of(store, fresh).exists() and file_of(store, stored).exists()

    play(story)


def test_it_runs_beside_a_server_and_ends_with_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "FIRST", 0.0)
    monkeypatch.setattr(upkeep, "EVERY", 0.001)
    monkeypatch.setattr(upkeep, "BETWEEN", 0.0)
    seen: list[int] = []
    twice = asyncio.Event()

    async def tidy(store: Store, account: int) -> None:
        seen.append(account)
        if len(seen) == 2:
            twice.set()
        await store.read(99, lambda tx: None)  # one account that fails does not stop it

    monkeypatch.setattr(upkeep, "tidy", tidy)

    async def story(store: Store) -> None:
        left = [store.data / "accounts" / ".gone-1", store.data / "spool" / "x"]
        await asyncio.to_thread(left[0].mkdir)
        left[1].write_bytes(b"x")
        fresh = store.data / "spool" / "y"
        fresh.write_bytes(b"y")
        for path in left:
            os.utime(path, (1, 1))
        async with upkeep.running(store):
            await asyncio.wait_for(twice.wait(), 10)
        assert [path.exists() for path in (*left, fresh)] == [False, False, True]
        count = len(seen)
        await asyncio.sleep(0.005)
        assert seen == [ACCOUNT] * count

    play(story)


def test_threads_of_erased_mail_are_forgotten(tmp_path: Path) -> None:
    now = NOW

    async def told() -> list[int]:
        nonlocal now
        store = Store(tmp_path, clock=lambda: now)
        await store.open()
        await store.create_account(ACCOUNT)
        mailbox = await inbox(store)
        for number in range(2):
            staging = store.staging()
            await staging.write(b"Message-ID: <%d@x>\r\n\r\n" % number)
            await store.write(
                ACCOUNT, messages.append, SERVER, mailbox, await staging.finish(), ("\\Deleted",)
            )
        await store.write(ACCOUNT, messages.expunge, SERVER, mailbox, ((1, 1),))
        left = []
        for _ in range(2):
            await upkeep.tidy(store, ACCOUNT)
            left += [await store.read(ACCOUNT, lambda tx: len(tx.rows("SELECT 1 FROM thread_key")))]
            now += buried.RETENTION + 1
        await store.close()
        return left

    assert asyncio.run(told()) == [2, 1]


def test_old_mail_gets_what_newer_code_makes_of_it(tmp_path: Path) -> None:
    async def told() -> None:
        store = Store(tmp_path, clock=lambda: NOW)
        await store.open()
        await store.create_account(ACCOUNT)
        mailbox = await inbox(store)
        staged = await large(store)
        await store.write(ACCOUNT, messages.append, SERVER, mailbox, staged, (), NOW, 0)
        forgotten = "UPDATE email_key SET from_mailbox = NULL, base_subject = x'' WHERE account = ?"
        await store.write(ACCOUNT, lambda tx: tx.run(forgotten, tx.account))
        await store.write(
            ACCOUNT, lambda tx: tx.run("UPDATE email SET derived = 1 WHERE account = ?", tx.account)
        )
        await upkeep.tidy(store, ACCOUNT)
        columns = ("base_subject", "from_mailbox")
        assert await store.read(ACCOUNT, emails.rows, SERVER, mailbox, 1, 9, columns) == [(b"x", b"")]
        assert await store.read(ACCOUNT, emails.needs_derive, 9) == ([], 0)
        await store.close()

    asyncio.run(told())
