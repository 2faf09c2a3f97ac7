"""The SQLite engine: transactions, the seam, who may open what."""

from pathlib import Path

import apsw
import pytest

from pillarbox.model.errors import Code, Refused
from pillarbox.store import files, schema
from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Busy

SUBSCRIBE = "INSERT INTO subscription VALUES (?, ?, 1, 1)"


def test_a_transaction_commits_or_leaves_nothing(database: sqlite.Database) -> None:
    with database.transaction(write=True) as tx:
        assert tx.run(SUBSCRIBE, tx.account, "kept") == 1
    with pytest.raises(ValueError), database.transaction(write=True) as tx:
        tx.run(SUBSCRIBE, tx.account, "dropped")
        raise ValueError
    with database.transaction(write=False) as tx:
        assert tx.rows("SELECT path FROM subscription WHERE account = ?", tx.account) == [("kept",)]
        assert tx.row("SELECT path FROM subscription WHERE account = ? AND path = 'x'", tx.account) is None


def test_the_seam_tells_account_prefix_and_time(database: sqlite.Database) -> None:
    with database.transaction(write=False) as tx:
        assert (tx.account, tx.prefix, tx.now) == (1, 7, 1_700_000_000)


def test_a_file_of_a_newer_version_is_refused_by_name(empty_folder: Path) -> None:
    connection = apsw.Connection(str(empty_folder / sqlite.FILE))
    connection.execute(f"PRAGMA user_version={schema.VERSION + 1}").fetchall()
    connection.close()
    with pytest.raises(Refused, match="newer Pillarbox") as refused:
        sqlite.open_account(empty_folder)
    assert refused.value.code is Code.CONTACTADMIN


def test_a_missing_account_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        sqlite.open_account(files.account_folder(tmp_path, 9))
    assert refused.value.code is Code.NONEXISTENT


def test_a_held_lock_ends_in_busy(database: sqlite.Database) -> None:
    other = sqlite.open_account(database.folder, patience=0.002)
    with database.transaction(write=True):
        with pytest.raises(Busy), other.transaction(write=True):
            raise AssertionError("entered")
        with other.transaction(write=False) as tx:  # readers never wait for a writer
            assert tx.prefix == 7
    with other.transaction(write=True) as tx:
        assert tx.run(SUBSCRIBE, tx.account, "x") == 1
    other.close()


@pytest.mark.parametrize("count", [0, 1, sqlite.ROWS - 1, sqlite.ROWS, 3 * sqlite.ROWS + 2])
def test_many_rows_are_put_in_at_once(database: sqlite.Database, count: int) -> None:
    rows = [(1, f"{number:03}", number % 2, number) for number in range(count)]
    with database.transaction(write=True) as tx:
        tx.insert("subscription (account, path, subscribed, modseq)", rows)
    with database.transaction(write=False) as tx:
        assert tx.rows("SELECT * FROM subscription WHERE account = ? ORDER BY path", tx.account) == rows


def test_of_rows_of_which_one_is_no_good_none_is_there_in_the_end(database: sqlite.Database) -> None:
    rows: list[tuple[object, ...]] = [(1, f"{number:03}", 1, 1) for number in range(sqlite.ROWS)]
    rows[-1] = (1, "last", None, 1)
    with pytest.raises(apsw.ConstraintError), database.transaction(write=True) as tx:
        tx.insert("subscription", rows)
    with database.transaction(write=False) as tx:
        assert tx.rows("SELECT * FROM subscription WHERE account = ?", tx.account) == []
