"""The schema's text, and the way from older versions."""

import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from pillarbox.model.errors import Refused
from pillarbox.store import buried, emails, mailboxes, messages, schema
from pillarbox.store.check import check
from pillarbox.store.engine import sqlite
from pillarbox.testing.verbs import Verbs, account, staged

MESSAGE = staged(b"From: Ada <a@x>\r\nSubject: one\r\n\r\ntext\r\n")


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


def as_of_version(folder: Path, version: int) -> None:
    """Make the account in this folder one that an older program has written."""
    now = folder / sqlite.FILE
    sqlite.open_account(folder).complete()
    old = folder / "old.db"
    old.write_bytes(sqlite.empty(schema.FIRST, schema.MIGRATIONS[: version - 1], schema.APPLICATION_ID))
    connection = apsw.Connection(str(old))
    connection.execute("ATTACH ? AS now", (str(now),))
    there = {name for (name,) in connection.execute("SELECT name FROM now.sqlite_schema")}
    # What a version had that later ones have not: some value must be there.
    lost = {("buried", "thread"): "7", **{("email_key", name): "x'4142'" for name in KEYS_OF_2}}
    for name, value in ARRIVAL_OF_3.items():
        lost["message", name] = lost["buried", name] = value
    for (table,) in connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
        assert table in there, table
        names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
        values = ", ".join(lost.get((table, name), name) for name in names)
        connection.execute(f"INSERT INTO main.{table} SELECT {values} FROM now.{table} AS m")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    old.replace(now)


KEYS_OF_2 = ("sender", "recipient", "cc", "subject")
ARRIVAL_OF_3 = {
    "internal_at": schema.INTERNAL_AT,
    "internal_tz": schema.INTERNAL_TZ,
    **{name: f"(SELECT a.{name} FROM now.arrival a WHERE {emails.ARRIVAL})" for name in ("saved_at", "uidl")},
}
KEPT = ("message", "arrival", "buried", "burial", "email", "blob", "change", "mailbox", "email_key")
SINCE_5 = ("email_key", "own_fields")  # is not there where an older program has written


def rows_of(verbs: Verbs, table: str) -> list[Any]:
    """All that is in a table and was in its older versions."""
    names = [row[1] for row in verbs.rows(f"PRAGMA table_info({table})")]
    return verbs.rows(f"SELECT {', '.join(name for name in names if (table, name) != SINCE_5)} FROM {table}")


ZONES = (-720, -1, 0, 1, 330, 840)


def some_mail(folder: Path) -> Verbs:
    """An account with live and buried messages, as the current program writes it."""
    with account(folder, now=1_700_000_000) as verbs:
        for zone in ZONES:
            # Also from before 1970 (RFC 9051 9: date-year has four digits).
            at = verbs.now if zone else -2_000_000_000
            verbs.write(messages.append, verbs.inbox, MESSAGE, ("\\Seen",), at, zone)
            verbs.now += 3600
        verbs.run("UPDATE arrival SET uidl = 'abc' WHERE uid IN (2, 4)")
        verbs.write(messages.copy, verbs.inbox, ((3, 4),), verbs.write(mailboxes.create, "Kept").id)
        verbs.write(messages.remove, verbs.inbox, ((2, 2), (5, 5)))
        verbs.now += 3600
        verbs.write(messages.remove, verbs.inbox, ((1, 1),))
    return verbs


@pytest.mark.parametrize("version", [2, 3])
def test_an_older_file_loses_nothing(tmp_path: Path, version: int) -> None:
    verbs = some_mail(tmp_path / "x")
    now = Verbs(verbs.folder, verbs.now)
    before = {table: rows_of(now, table) for table in KEPT}
    columns = ("uid", "internal_at", "internal_tz", "saved_at", "uidl")
    told = now.read(emails.rows, now.inbox, 1, 9, columns, with_buried=True)
    assert [row[2] for row in told] == list(ZONES) and told[2][1] == -2_000_000_000
    now.database.close()
    as_of_version(verbs.folder, version)
    assert check(verbs.folder) == []
    again = Verbs(verbs.folder, verbs.now)
    assert {table: rows_of(again, table) for table in KEPT} == before
    assert again.read(emails.rows, again.inbox, 1, 9, columns, with_buried=True) == told
    assert again.rows("PRAGMA user_version") == [(schema.VERSION,)]
    again.now += buried.RETENTION - 1800
    assert again.write(lambda tx, _: buried.erase(tx)).messages == 2
    assert again.rows("SELECT uid FROM buried") == [(1,)]
    again.database.close()


def test_an_upgrade_that_is_cut_off_is_made_anew(tmp_path: Path) -> None:
    """What a process leaves that is killed right before the commit: some of it is in the log already."""
    verbs = some_mail(tmp_path / "x")
    now = Verbs(verbs.folder, verbs.now)
    before = {table: rows_of(now, table) for table in KEPT}
    now.database.close()
    as_of_version(verbs.folder, 3)
    dying = apsw.Connection(str(verbs.folder / sqlite.FILE))
    dying.execute("PRAGMA cache_size=1")
    dying.execute("BEGIN IMMEDIATE")
    for statement in schema.MIGRATIONS[2]:
        dying.execute(statement)
    dying.cache_flush()
    left = tmp_path / "left"
    shutil.copytree(verbs.folder, left)
    (left / f"{sqlite.FILE}-shm").unlink()
    assert (left / f"{sqlite.FILE}-wal").stat().st_size > 10 * 4096
    dying.close()
    assert check(left) == []
    again = Verbs(left, verbs.now)
    assert {table: rows_of(again, table) for table in KEPT} == before
    again.database.close()


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
