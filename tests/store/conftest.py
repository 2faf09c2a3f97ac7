"""An account in a temporary folder, without an event loop: for tests of verbs and of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.store import files
from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Tx

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
