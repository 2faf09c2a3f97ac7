"""The queue: who is taken when more is due than goes out at once, and what an older file becomes."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from pillarbox.delivery.queue import asking, schema, waiting
from pillarbox.delivery.queue.database import FILE, Database, opened
from pillarbox.delivery.queue.entries import Letter, Waiting, small
from pillarbox.delivery.queue.waiting import Job, New


def put(db: Database, domain: str, count: int, due_at: int) -> None:
    letter = Letter("T", "ann@one.test", small(b"Subject: x\r\n\r\n"), 0)
    to = [f"u{number}@{domain}" for number in range(count)]
    waiting.put(db, [New(letter, (Waiting(each, each, due_at=due_at),)) for each in to])


def domains(jobs: list[Job]) -> Counter[str]:
    return Counter(each.domain for job in jobs for each in job.recipients)


def test_one_domain_takes_no_other_ones_place(tmp_path: Path) -> None:
    with opened(tmp_path) as db, db.transaction():
        put(db, "slow.test", 50, 1)
        put(db, "Far.test", 3, 2)
        put(db, "near.test", 3, 3)
        assert domains(waiting.take(db, 9, 20)) == {"slow.test": 20}  # as they are due
        busy = {"slow.test": 20}
        assert domains(waiting.take(db, 9, 8, 20, busy)) == {"far.test": 3, "near.test": 3}
        assert waiting.take(db, 9, 8, 20, busy) == []
        assert waiting.next_due(db) == 1
        assert waiting.next_due(db, ["slow.test"]) is None
        assert domains(waiting.take(db, 9, 8, 25, busy)) == {"slow.test": 5}
        assert waiting.release(db) == 31


def test_places_are_filled_past_a_domain_that_has_enough(tmp_path: Path) -> None:
    with opened(tmp_path) as db, db.transaction():
        put(db, "slow.test", 50, 1)
        put(db, "near.test", 30, 2)
        assert domains(waiting.take(db, 9, 30, 20)) == {"slow.test": 20, "near.test": 10}


def test_a_queue_of_an_earlier_version_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "UPGRADES", schema.UPGRADES[:1])
        earlier.setattr(schema, "VERSION", 1)
        with opened(tmp_path) as db, db.transaction():
            db.run(
                "INSERT INTO letter VALUES (1, 'T', 'a@b.test', 0, '', 3, 0, '8BITMIME', '', '', 0, 0, NULL,"
                " x'00', '')"
            )
            for n, (target, local) in enumerate([("Bob@Far.test", 0), ("ann@one.test", 1)]):
                db.run(
                    "INSERT INTO recipient VALUES (1, ?, ?, ?, ?, NULL, '', '', 0, 0, 5, 0, 0, '')",
                    *(n, target, target, local),
                )
    assert (tmp_path / FILE).exists()
    with opened(tmp_path) as db:
        assert asking.counted(db) == (1, [("", 1), ("far.test", 1)])
        assert [each.target for each in asking.entries(db)[0].recipients] == ["Bob@Far.test", "ann@one.test"]
        assert waiting.next_due(db, ["far.test", ""]) is None


def test_who_submits_waits_for_another_ones_change_and_no_longer(tmp_path: Path) -> None:
    began, done = threading.Event(), threading.Event()

    def submit() -> None:
        with opened(tmp_path) as own:
            began.set()
            with own.transaction():
                put(own, "near.test", 1, 1)
        done.set()

    with opened(tmp_path) as db:
        with db.transaction():
            put(db, "far.test", 1, 1)
            thread = threading.Thread(target=submit)
            thread.start()
            assert began.wait(10)
            assert not done.wait(0.3)  # by now SQLite itself would look ten times a second
        released = time.monotonic()
        assert done.wait(10)
        assert time.monotonic() - released < 5
        thread.join()
        assert asking.counted(db) == (2, [("far.test", 1), ("near.test", 1)])
