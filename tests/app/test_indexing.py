"""Indexes are kept up behind delivery by a child that may die, and never outlives its server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from pillarbox.app import indexing
from pillarbox.app.indexing import Indexing
from pillarbox.model.actors import SERVER
from pillarbox.store import files, flags, mailboxes, messages
from pillarbox.store.index.catching_up import behind
from pillarbox.store.index.database import FILE, Database
from pillarbox.store.store import Store
from pillarbox.testing.verbs import staged
from tests.app.conftest import Run

ACCOUNT = 7
WAIT = 30.0

Story = Callable[["World"], Awaitable[None]]


class World:
    """A store whose accounts are indexed; `done` is set when the child has done its work once more."""

    def __init__(self, store: Store, indexer: Indexing) -> None:
        self.store = store
        self.indexer = indexer
        self.told: list[dict[str, Any]] = []
        self.done = asyncio.Event()

    @property
    def folder(self) -> Path:
        return files.account_folder(self.store.data, ACCOUNT)

    async def deliver(self, text: bytes) -> None:
        inbox = (await self.store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id
        letter = staged(b"Subject: s\r\n\r\n" + text)
        await self.store.write(ACCOUNT, messages.append, SERVER, inbox, letter, (), 1_600_000_000, 0)

    async def caught_up(self) -> None:
        async with asyncio.timeout(WAIT):
            while behind(self.folder):
                self.done.clear()
                await self.done.wait()


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], None]:
    for name in ("SOON", "REST", "PAUSE"):
        monkeypatch.setattr(indexing, name, 0.0)

    async def told(story: Story) -> None:
        store = Store(tmp_path)
        await store.open()
        await store.create_account(ACCOUNT)
        indexer = Indexing(store, lambda event, **fields: world.told.append({"event": event, **fields}))
        world = World(store, indexer)
        index = indexer._index

        async def indexed(account: int) -> None:
            await index(account)
            world.done.set()

        monkeypatch.setattr(indexer, "_index", indexed)
        store.hear(indexer.heard)
        task = asyncio.create_task(indexer.run())
        try:
            await story(world)
        finally:
            store.hear(None)
            task.cancel()
            await asyncio.wait([task])
            await indexer.end_child()
            await store.close()

    return lambda story: asyncio.run(told(story))


def test_what_is_delivered_is_indexed(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        for text in (b"one", b"two", b"three"):
            await world.deliver(text)
            await world.caught_up()
        assert world.told == []

    play(story)


def test_a_change_of_flags_begins_no_process(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.deliver(b"one")
        await world.caught_up()
        await world.indexer.end_child()
        inbox = (await world.store.read(ACCOUNT, mailboxes.require, SERVER, "INBOX")).id
        world.done.clear()
        await world.store.write(ACCOUNT, flags.store_flags, SERVER, inbox, ((1, 1),), "add", ("\\Seen",))
        async with asyncio.timeout(WAIT):
            await world.done.wait()
        assert world.indexer._child is None and not world.told

    play(story)


def test_while_mail_flows_indexing_waits_a_moment_but_not_for_ever(tmp_path: Path) -> None:
    async def told() -> None:
        indexer = Indexing(Store(tmp_path), lambda event, **fields: None)
        now = [100.0]
        indexer._now = lambda: now[0]
        begun = []
        for _ in range(60):  # a ring every tenth of a second
            indexer.heard(ACCOUNT)
            now[0] += 0.1
            if indexer._next() is not None:
                begun.append(now[0])
        assert begun and begun[0] - 100.0 <= max(indexing.LATEST, indexing.REST) + 0.2
        assert begun[0] - 100.0 > 0.5
        indexer.heard(ACCOUNT)
        now[0] += indexing.SOON + 0.01
        assert indexer._next() == ACCOUNT, "no more mail comes"

    asyncio.run(told())


def test_a_child_that_dies_is_replaced(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.deliver(b"one")
        await world.caught_up()
        child = world.indexer._child
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        await world.deliver(b"two")
        await world.caught_up()
        assert [each["reason"] for each in world.told] == ["the indexer died"]

    play(story)


def test_after_lost_rings_all_accounts_are_looked_at(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.caught_up()
        world.store.hear(None)
        await world.deliver(b"one")
        world.indexer.heard(None)
        await world.caught_up()

    play(story)


def test_an_account_that_goes_away(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        await world.deliver(b"one")
        await world.caught_up()
        await world.store.erase_account(ACCOUNT)
        world.done.clear()
        world.indexer.heard(ACCOUNT)
        async with asyncio.timeout(WAIT):
            await world.done.wait()
        assert world.told == [] and not world.folder.exists()

    play(story)


def test_reindex(run: Run) -> None:
    run("account", "add", "kim@example.test")
    run("deliver", "kim@example.test", stdin=b"Subject: s\r\n\r\nhello")
    assert run("reindex", "kim@example.test").out == "1 message is indexed.\n"
    assert run("reindex", "kim@example.test", "--json").value["messages"] == 1
    (index,) = Path("var").glob(f"accounts/??/*/{FILE}")
    assert run("check").code == 0
    index.write_bytes(b"something else" * 1000)
    assert run("check").code == 1
    assert run("reindex", "kim@example.test").code == 0
    assert run("check").code == 0
    assert run("reindex", "nobody@example.test").code == 1


def test_reindex_where_nothing_can_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("account", "add", "kim@example.test")
    run("deliver", "kim@example.test", stdin=b"Subject: x\r\n\r\nneedle\r\n")

    def full(self: Database, sql: str, *args: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(Database, "run", full)
    wrong = run("reindex", "kim@example.test")
    assert wrong.code == 1
    assert wrong.err == "pillarbox: The search index cannot be written: database or disk is full\n"
    assert "1 message matches" in run("search", "kim@example.test", "needle").out
