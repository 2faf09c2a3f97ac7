"""An account in a temporary folder: without an event loop for tests of verbs and of the engine, and with
one, as other rooms see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from pillarbox.store import files
from pillarbox.store.engine import sqlite
from pillarbox.store.store import Store
from pillarbox.store.tx import Tx
from pillarbox.testing.verbs import Verbs, account
from tests.store.archive import Archive

ACCOUNT = 7
NOW = 1_700_000_000


def nothing_more(tx: Tx) -> None:
    """A new account without a mailbox."""


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """The folder of an account that has its row and nothing else."""
    files.create_account(tmp_path, ACCOUNT, NOW, nothing_more)
    return files.account_folder(tmp_path, ACCOUNT)


@pytest.fixture
def database(empty_folder: Path) -> Iterator[sqlite.Database]:
    """That account, opened; its clock stands at NOW."""
    opened = sqlite.open_account(empty_folder, clock=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Store], Awaitable[None]]], None]:
    """Runs a story on an event loop with a store that has the account ACCOUNT."""

    def run(story: Callable[[Store], Awaitable[None]]) -> None:
        async def told() -> None:
            store = Store(tmp_path, clock=lambda: NOW)
            await store.open()
            try:
                if not files.account_folder(tmp_path, ACCOUNT).exists():
                    await store.create_account(ACCOUNT)
                await story(store)
            finally:
                await store.close()

        asyncio.run(told())

    return run


@pytest.fixture
def verbs(tmp_path: Path) -> Iterator[Verbs]:
    """An account as a user gets it, to run verbs on; checked at the end of the test."""
    with account(tmp_path, number=ACCOUNT, now=NOW) as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path, verbs: Verbs) -> Archive:
    """An account to be searched; its INBOX is empty."""
    return Archive(tmp_path, verbs, ACCOUNT)
