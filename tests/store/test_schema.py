"""The schema's text, and the way from older versions."""

from pathlib import Path

import pytest

from pillarbox.model.errors import Refused
from pillarbox.store import schema
from pillarbox.store.engine import sqlite


def test_every_statement_begins_with_the_account() -> None:
    tables = [statement for statement in schema.FIRST if statement.startswith("CREATE TABLE")]
    assert len(tables) > 20
    for statement in tables:
        assert statement.partition("(")[2].lstrip().startswith("account INTEGER NOT NULL")
    for statement in set(schema.FIRST) - set(tables):
        assert "(account, " in statement, statement
    assert not any("--" in statement for statement in schema.FIRST)


def test_an_older_file_is_brought_up_to_date_when_opened(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (("CREATE TABLE novelty (account INTEGER NOT NULL)",), ("INSERT INTO novelty VALUES (1)",))
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + steps)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + len(steps))
    for _ in range(2):  # the second time there is nothing to do
        opened = sqlite.open_account(empty_folder)
        with opened.transaction(write=False) as tx:
            assert tx.rows("SELECT account FROM novelty") == [(1,)]
            assert tx.row("PRAGMA user_version") == (schema.VERSION,)
        opened.close()


def test_an_upgrade_that_fails_changes_nothing(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema.VERSION
    steps = (("CREATE TABLE novelty (account INTEGER)", "INSERT INTO nowhere VALUES (1)"),)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + steps)
        patched.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(Exception, match="no such table"):
            sqlite.open_account(empty_folder)
    opened = sqlite.open_account(empty_folder)
    with opened.transaction(write=False) as tx:
        assert tx.row("PRAGMA user_version") == (before,)
        assert tx.row("SELECT count(*) FROM sqlite_schema WHERE name = 'novelty'") == (0,)
    opened.close()


def test_a_new_file_and_an_upgraded_one_have_the_same_tables(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (("CREATE TABLE novelty (account INTEGER NOT NULL)",),)
    image = sqlite.empty(schema.FIRST, schema.MIGRATIONS + steps, schema.APPLICATION_ID)
    made = empty_folder.parent / "made"
    made.mkdir()
    (made / sqlite.FILE).write_bytes(image)
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + steps)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    tables = []
    for folder in (made, empty_folder):
        opened = sqlite.open_account(folder)
        with opened.transaction(write=False) as tx:
            tables.append(tx.rows("SELECT name, sql FROM sqlite_schema ORDER BY name"))
        opened.close()
    assert tables[0] == tables[1]


def test_a_file_that_is_no_account_is_refused(tmp_path: Path) -> None:
    (tmp_path / sqlite.FILE).write_bytes(sqlite.empty(["CREATE TABLE x (y)"], (), 0))
    with pytest.raises(Refused, match="not a Pillarbox account"):
        sqlite.open_account(tmp_path)
    (tmp_path / sqlite.FILE).write_bytes(b"this is a text and no database\n" * 200)
    with pytest.raises(Refused, match="damaged"):
        sqlite.open_account(tmp_path)
