"""The audit log as a file, and the thread that writes it."""

import time
from pathlib import Path

import apsw
import pytest

from pillarbox.identity import audit
from pillarbox.identity.audit import NOBODY, Audit, Entry, Scribe, account_name


@pytest.fixture
def log(tmp_path: Path) -> Audit:
    return Audit(tmp_path / audit.FILE)


def test_what_is_asked_for_is_found_in_order(log: Audit) -> None:
    kim = Entry(1.0, "login", "kim@example.test", "192.0.2.1", "imap", "PLAIN", "phone", True)
    tim = Entry(2.0, "failure", "tim@example.test", "192.0.2.2", detail="wrong password")
    log.append([kim, tim])
    assert log.find() == [kim, tim]
    assert log.find(account="kim@example.test") == [kim]
    assert log.find(address="192.0.2.2") == [tim]
    assert log.find(since=1.5) == [tim]
    assert log.find(event="login") == [kim]
    assert log.find(limit=1) == [tim]
    assert log.find(event="login", since=1.5) == []


def test_each_kind_has_its_own_bound(log: Audit) -> None:
    log.append([Entry(1.0, "admin", detail="account add")])
    log.append([Entry(2.0 + number, "failure") for number in range(50)])
    log.prune(oldest=0.0, entries=10)
    assert len(log.find(event="failure")) == 10
    assert log.find(event="failure")[-1].at == 51.0
    assert len(log.find(event="admin")) == 1
    log.prune(oldest=45.0, entries=10)
    assert [each.at for each in log.find()] == [45.0, 46.0, 47.0, 48.0, 49.0, 50.0, 51.0]


def test_nobody_changes_what_is_written(log: Audit) -> None:
    log.append([Entry(1.0, "login")])
    with pytest.raises(apsw.ConstraintError, match="stays as it is"):
        log._db.execute("UPDATE entry SET account = 'somebody else'")


def test_a_password_typed_as_a_name_is_not_written_down() -> None:
    assert account_name("correct horse battery") == NOBODY
    assert account_name("Kim@Example.test") == "kim@example.test"


def test_all_that_was_noted_is_written_at_the_end(tmp_path: Path) -> None:
    scribe = Scribe(tmp_path / audit.FILE, clock=time.time, report=lambda error: None)
    for number in range(500):
        scribe.note("login", account=f"u{number}@example.test")
    scribe.close()
    found = Audit(tmp_path / audit.FILE).find()
    assert [each.account for each in found] == [f"u{number}@example.test" for number in range(500)]


def test_a_log_that_cannot_be_written_holds_nobody_up_and_is_told_of_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []
    scribe = Scribe(tmp_path / "missing" / audit.FILE, clock=time.time, report=errors.append)
    for _ in range(20_000):
        scribe.note("failure")
    scribe.close()
    assert len(errors) == 1


def test_what_is_lost_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_QUEUED", 0)
    scribe = Scribe(tmp_path / audit.FILE, clock=time.time, report=lambda error: None)
    for _ in range(3):
        scribe.note("failure")
    scribe.close()
    (entry,) = Audit(tmp_path / audit.FILE).find()
    assert entry.detail == "3 entries were lost"
