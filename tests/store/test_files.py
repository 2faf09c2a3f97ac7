"""Account folders: whole or not there."""

import json
from pathlib import Path

import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.store import files
from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Tx

NOW = 1_700_000_000


def first_row(tx: Tx) -> None:
    tx.run("INSERT INTO subscription VALUES (?, 'x', 1, 1)", tx.account)


def test_a_new_account_is_one_complete_file_and_a_note(tmp_path: Path) -> None:
    files.create_account(tmp_path, 0x1234, NOW, first_row)
    folder = tmp_path / "accounts" / "34" / "00001234"
    assert sorted(path.name for path in folder.iterdir()) == ["account.json", "mail.db"]
    about = json.loads((folder / "account.json").read_text())
    assert (about["account"], about["created"]) == (0x1234, NOW)
    assert folder.stat().st_mode & 0o77 == 0
    assert files.accounts(tmp_path) == [0x1234]
    opened = sqlite.open_account(folder)
    with opened.transaction(write=False) as tx:
        assert tx.prefix == 0x1234
        assert tx.row("SELECT path FROM subscription") == ("x",)
        assert tx.row("PRAGMA journal_mode") == ("wal",)
        assert tx.row("PRAGMA auto_vacuum") == (2,)
    opened.close()


def test_a_second_account_of_that_number_is_refused(tmp_path: Path) -> None:
    files.create_account(tmp_path, 5, NOW, first_row)
    with pytest.raises(Refused) as refused:
        files.create_account(tmp_path, 5, NOW, first_row)
    assert refused.value.code is Code.ALREADYEXISTS


def test_an_account_that_cannot_be_filled_leaves_nothing(tmp_path: Path) -> None:
    def fail(tx: Tx) -> None:
        raise Refused("no")

    with pytest.raises(Refused):
        files.create_account(tmp_path, 5, NOW, fail)
    assert files.accounts(tmp_path) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_erased_account_is_gone(tmp_path: Path) -> None:
    files.create_account(tmp_path, 5, NOW, first_row)
    files.erase_account(tmp_path, 5)
    assert files.accounts(tmp_path) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(Refused) as refused:
        files.erase_account(tmp_path, 5)
    assert refused.value.code is Code.NONEXISTENT


def test_only_possible_numbers_have_folders(tmp_path: Path) -> None:
    for number in (0, -1, 2**31):
        with pytest.raises(ValueError):
            files.account_folder(tmp_path, number)
