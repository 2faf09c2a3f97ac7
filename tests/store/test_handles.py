"""Open accounts: few, closed when idle, their logs moved into the database in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from pillarbox.model.actors import SERVER
from pillarbox.store import checkpoint, files, handles, mailboxes
from pillarbox.store.engine import sqlite
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx

ACCOUNT = 7
Play = Callable[[Callable[[Store], Awaitable[None]]], None]


def fill(tx: Tx, number: int) -> None:
    tx.run("INSERT INTO remembered VALUES (?, 1, ?, 0, ?)", tx.account, b"%d" % number, bytes(40_000))


def log_size(store: Store, account: int = ACCOUNT) -> int:
    return (files.account_folder(store.data, account) / "mail.db-wal").stat().st_size


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is waited for happens on another thread)
            await asyncio.sleep(0.002)


def test_only_some_stay_open(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "LIMIT", 3)

    async def story(store: Store) -> None:
        for account in range(10, 18):
            await store.create_account(account)
        for _ in range(2):
            for account in range(10, 18):
                rows = await store.read(account, mailboxes.list_all, SERVER)
                assert len(rows) == 6
                assert len(store._handles._open) <= 3

    play(story)


def test_who_waits_for_the_disk_stays_open(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "LIMIT", 1)

    async def story(store: Store) -> None:
        for account in range(10, 20):
            await store.create_account(account)
        writes = (store.write(account, fill, number) for account in range(10, 20) for number in range(5))
        await asyncio.gather(*writes)
        for account in range(10, 20):
            assert await store.read(account, lambda tx: tx.row("SELECT count(*) FROM remembered")) == (5,)

    play(story)


def test_at_rest_the_database_alone_is_complete(
    play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(handles, "IDLE", 0.0)
    monkeypatch.setattr(handles, "TEND", 0.01)

    async def story(store: Store) -> None:
        await store.write(ACCOUNT, fill, 1)
        await until(lambda: not store._handles._open)
        assert log_size(store) == 0
        alone = tmp_path / "alone"
        await asyncio.to_thread(alone.mkdir)
        content = (files.account_folder(store.data, ACCOUNT) / sqlite.FILE).read_bytes()
        (alone / sqlite.FILE).write_bytes(content)
        opened = sqlite.open_account(alone)
        with opened.transaction(write=False) as tx:
            assert tx.row("SELECT count(*) FROM remembered") == (1,)
        opened.close()
        await store.write(ACCOUNT, fill, 2)  # and opens again

    play(story)


def test_at_rest_no_pages_are_held(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "TEND", 0.01)
    monkeypatch.setattr(handles, "SLIMMED", 2)

    async def story(store: Store) -> None:
        for account in range(10, 15):
            await store.create_account(account)
            await store.read(account, mailboxes.list_all, SERVER)
        connections = [handle.database.connection for handle in store._handles._open.values()]
        assert len(connections) >= 5

        def held() -> int:
            return sum(one.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0] for one in connections)

        most = held()
        await until(lambda: held() < most / 2)
        for account in range(10, 15):
            assert len(await store.read(account, mailboxes.list_all, SERVER)) == 6
        assert held() > most / 2  # they are still open
        await until(lambda: held() < most / 2)

    play(story)


def test_the_log_does_not_grow_for_ever(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "DUE", 50)

    async def story(store: Store) -> None:
        sizes = []
        for number in range(120):
            await store.write(ACCOUNT, fill, number)
            sizes.append(log_size(store))
        await until(lambda: not store._handles._checkpoints)
        written = 120 * 40_000
        assert max(sizes) < written / 2
        assert await store.read(ACCOUNT, lambda tx: tx.row("SELECT count(*) FROM remembered")) == (120,)

    play(story)


def test_a_checkpoint_moves_the_log_into_the_database(empty_folder: Path) -> None:
    database = sqlite.open_account(empty_folder)
    log = empty_folder / "mail.db-wal"
    with database.transaction(write=True) as tx:
        fill(tx, 1)
    before = (empty_folder / sqlite.FILE).stat().st_size
    assert checkpoint.checkpoint(empty_folder, truncate=False)
    assert (empty_folder / sqlite.FILE).stat().st_size > before
    assert log.stat().st_size > 0
    assert checkpoint.checkpoint(empty_folder, truncate=True)
    assert log.stat().st_size == 0
    database.close()


def test_a_reader_in_the_way_is_no_error(empty_folder: Path) -> None:
    reader, writer = sqlite.open_account(empty_folder), sqlite.open_account(empty_folder)
    with writer.transaction(write=True) as tx:
        fill(tx, 1)
    with reader.transaction(write=False) as tx:
        tx.rows("SELECT 1 FROM account")
        with writer.transaction(write=True) as other:
            fill(other, 2)
        assert not checkpoint.checkpoint(empty_folder, truncate=True, wait=5)
    assert checkpoint.checkpoint(empty_folder, truncate=True)
    reader.close()
    writer.close()
