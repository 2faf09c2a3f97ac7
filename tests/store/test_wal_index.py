"""Looking whether an account has changed: what another process commits is seen at once, whatever it does with
the log; and as long as nobody does, the database is not asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.store import checkpoint
from pillarbox.store.engine import sqlite, wal_index

OTHER = """
import sys
from pathlib import Path
from pillarbox.store.engine import sqlite
database = sqlite.open_account(Path(sys.argv[1]))
for line in sys.stdin:
    if line == "commit\\n":
        with database.transaction(write=True) as tx:
            tx.run("UPDATE account SET modseq = modseq + 1")
    elif line == "begin\\n":
        database.cursor.execute("BEGIN IMMEDIATE")
        database.cursor.execute("UPDATE account SET modseq = modseq + 1000")
    elif line == "truncate\\n":
        database.complete()
    elif line == "again\\n":
        database.close()
        database = sqlite.open_account(Path(sys.argv[1]))
    print("done", flush=True)
"""


class Other:
    """A process that has the account open too."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@pytest.fixture
def other(empty_folder: Path, database: sqlite.Database) -> Iterator[Callable[[], Other]]:
    started = []

    def start() -> Other:
        started.append(Other(empty_folder))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@contextmanager
def statements(database: sqlite.Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def executed(cursor: Any, sql: str, bindings: Any) -> bool:
        seen.append(sql)
        return True

    database.cursor.exec_trace = executed
    try:
        yield seen
    finally:
        database.cursor.exec_trace = None


def looked_often(database: sqlite.Database) -> int:
    for _ in range(sqlite.LOOKS + 2):
        modseq = database.look()
    return modseq


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the mapping is not found")
def test_a_look_asks_nothing_while_nothing_changes(database: sqlite.Database) -> None:
    modseq = looked_often(database)
    with statements(database) as seen:
        assert {database.look() for _ in range(100)} == {modseq}
    assert seen == []


def test_what_another_process_commits_is_seen(database: sqlite.Database, other: Callable[[], Other]) -> None:
    process = other()
    modseq = looked_often(database)
    for _ in range(300):
        process.do("commit")
        modseq += 1
        assert database.look() == modseq == database.look()


def test_so_it_is_when_the_log_is_begun_again(
    database: sqlite.Database, empty_folder: Path, other: Callable[[], Other]
) -> None:
    process = other()
    modseq = looked_often(database)
    for step in ("truncate", "again", "truncate", "again"):
        process.do("commit")
        process.do(step)
        modseq += 1
        assert database.look() == modseq
        assert checkpoint.checkpoint(empty_folder, truncate=True, wait=0)
        assert database.look() == modseq
        with database.transaction(write=True) as tx:
            tx.run("UPDATE account SET modseq = modseq + 1")
        modseq += 1
        assert database.look() == modseq


def test_a_process_that_dies_in_the_middle_has_changed_nothing(
    database: sqlite.Database, other: Callable[[], Other]
) -> None:
    modseq = looked_often(database)
    dying = other()
    dying.do("begin")
    assert database.look() == modseq
    os.kill(dying.process.pid, signal.SIGKILL)
    dying.process.wait()
    assert database.look() == modseq
    other().do("commit")
    assert database.look() == modseq + 1


def test_an_account_that_has_been_erased_is_no_more(database: sqlite.Database, empty_folder: Path) -> None:
    looked_often(database)
    sqlite.condemn(empty_folder)
    with pytest.raises(sqlite.NoAccount):
        database.look()
    with pytest.raises(sqlite.NoAccount):
        database.look()


def test_where_it_is_not_found_the_database_is_asked(
    database: sqlite.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal_index, "find", lambda path: None)
    modseq = looked_often(database)
    with database.transaction(write=True) as tx:
        tx.run("UPDATE account SET modseq = modseq + 1")
    assert database.look() == modseq + 1


def test_nothing_is_found_of_a_file_that_is_not_open(tmp_path: Path) -> None:
    (tmp_path / "mail.db-shm").write_bytes(bytes(32768))
    assert wal_index.find(tmp_path / "mail.db") is None
    assert wal_index.find(tmp_path / "other.db") is None
