"""The index is made anew whenever it is of no use, and what it was read as stays right meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from pillarbox.model import search
from pillarbox.model.actors import SERVER
from pillarbox.model.flags import DELETED
from pillarbox.store import buried, messages
from pillarbox.store.index import catching_up, database, marks, sound, writer
from pillarbox.store.index.catching_up import behind
from pillarbox.store.index.database import BAD, ERASED, FILE
from pillarbox.store.index.texts import places_of
from pillarbox.store.index.writer import Overtaken, Row, Writer, due
from pillarbox.store.query.question import looking, question
from pillarbox.store.store import Store
from tests.store.archive import Archive

ASKED = [search.Body("needle"), search.Header("subject", "letter 1"), search.Text("ordinary words in")]


def letters(count: int, first: int = 0) -> list[bytes]:
    return [
        b"Subject: letter %d\r\nFrom: ada\r\n\r\nordinary words in it, %s\r\n"
        % (number, b"a needle" if number % 5 == 0 else b"hay")
        for number in range(first, first + count)
    ]


def assert_right(archive: Archive, *, indexed: bool) -> None:
    for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
        assert found == archive.truth(key), (key, plan)
        assert (plan.indexed is not None) == indexed, plan
    assert list(sound.problems(archive.folder)) == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "BATCH", 8)
    monkeypatch.setattr(catching_up, "READ", 4)
    monkeypatch.setattr(writer, "FAN", 2)


def sql(archive: Archive, statement: str) -> None:
    connection = apsw.Connection(str(archive.folder / FILE))
    connection.execute(statement).fetchall()
    connection.close()


def another_format(archive: Archive) -> None:
    sql(archive, "UPDATE search_cursor SET format = 'older'")


def another_lineage(archive: Archive) -> None:
    archive.verbs.run("UPDATE account SET lineage = 'restored'")


def not_a_database(archive: Archive) -> None:
    database.remove(archive.folder)
    (archive.folder / FILE).write_bytes(b"a shopping list" * 1000)


def missing(archive: Archive) -> None:
    database.remove(archive.folder)


def found_damaged(archive: Archive) -> None:
    (archive.folder / BAD).touch()


@pytest.mark.parametrize("harm", [another_format, another_lineage, not_a_database, missing, found_damaged])
def test_made_anew(archive: Archive, harm: Callable[[Archive], None]) -> None:
    archive.add(letters(40))
    archive.index()
    assert_right(archive, indexed=True)
    harm(archive)
    assert behind(archive.folder)
    if harm is not found_damaged:
        for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
            assert found == archive.truth(key) and plan.indexed is None
    archive.index()
    assert not behind(archive.folder)
    assert_right(archive, indexed=True)


@pytest.mark.parametrize("table", ["vocabulary", "posting", "text"])
def test_damage_that_only_reading_finds(archive: Archive, table: str) -> None:
    archive.add(letters(300))
    archive.index()
    column = {"vocabulary": "words", "posting": "numbers", "text": "body"}[table]
    cut = f"substr({column}, 1, length({column}) - 3) || x'abcdef'"
    sql(archive, f"UPDATE {table} SET {column} = CAST({cut} AS BLOB)")
    for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
        assert found == archive.truth(key), (key, plan)
    assert (archive.folder / BAD).exists()
    assert behind(archive.folder)
    archive.index()
    assert_right(archive, indexed=True)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM vocabulary WHERE id & 255 = 16",  # words of bodies
        "UPDATE vocabulary SET id = id + 9 WHERE id & 255 = 96",  # those of subjects, as if others
        "DELETE FROM posting",
        "DELETE FROM segment WHERE id = 1",
        "UPDATE segment SET id = 5 WHERE id = 1",
        "UPDATE search_cursor SET email = email + 30",
        "UPDATE text SET places = CAST(substr(places, 1, 30) || zeroblob(length(places) - 30) AS BLOB)",
        "UPDATE text SET body = CAST(zeroblob(4) || substr(body, 5) AS BLOB)",
        "UPDATE text SET id = id - 1 WHERE id = (SELECT max(id) FROM text)",
    ],
)
def test_what_sqlite_does_not_notice(archive: Archive, harm: str) -> None:
    for count in (200, 200, 20):
        archive.add(letters(count, len(archive.raw)))
        if count == 200:
            archive.index()
    sql(archive, harm)
    for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
        assert found == archive.truth(key), (key, plan)
    assert (archive.folder / BAD).exists()
    archive.index()
    assert_right(archive, indexed=True)


@pytest.mark.parametrize("which", ["min", "max"])
@pytest.mark.parametrize("table", ["posting", "vocabulary"])
def test_what_is_lost_when_segments_are_joined(archive: Archive, small: None, table: str, which: str) -> None:
    archive.add(letters(8))
    archive.index()
    sql(archive, f"DELETE FROM {table} WHERE id = (SELECT {which}(id) FROM {table})")
    archive.add(letters(8, 8))
    archive.index()
    assert_right(archive, indexed=True)


def test_octets_that_change_anywhere(archive: Archive) -> None:
    archive.add(letters(300))
    archive.index()
    path = archive.folder / FILE
    sound_one = path.read_bytes()
    chance = random.Random(3)
    for _ in range(20):
        database.remove(archive.folder)
        octets = bytearray(sound_one)
        for _ in range(chance.choice([1, 3, 20])):
            at = chance.randrange(len(octets) - 100)
            count = chance.choice([1, 4, 100])
            octets[at : at + count] = chance.randbytes(count)
        path.write_bytes(octets)
        for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
            assert found == archive.truth(key), (key, plan)
    archive.index(anew=True)
    assert_right(archive, indexed=True)


def test_it_is_replaced_while_it_is_read(archive: Archive) -> None:
    archive.add(letters(40))
    archive.index()

    async def story(store: Store) -> None:
        assert (await archive.search(store, ASKED[0]))[0] == archive.truth(search.Body("needle"))
        archive.index(anew=True)
        found, plan = await archive.search(store, ASKED[0])
        assert found == archive.truth(search.Body("needle")) and plan.indexed == 1
        database.remove(archive.folder)
        found, plan = await archive.search(store, ASKED[0])
        assert found == archive.truth(search.Body("needle")) and plan.indexed is None

    archive.play(story)


def test_segments_are_joined_while_they_are_read(archive: Archive, small: None) -> None:
    archive.add(letters(60))
    archive.index()

    async def story(store: Store) -> None:
        snapshot = store.index.snapshot(archive.number, lineage(archive))
        assert snapshot is not None
        archive.add(letters(30, first=60))
        archive.index()
        for key in ASKED:
            found, _ = await archive.search(store, key)
            assert found == archive.truth(key)

    archive.play(story)
    assert_right(archive, indexed=True)


def lineage(archive: Archive) -> str:
    return str(archive.verbs.rows("SELECT lineage FROM account")[0][0])


def test_there_are_few_segments(archive: Archive, small: None) -> None:
    for first in range(0, 200, 5):
        archive.add(letters(5, first))
        archive.index()
    made = Writer(archive.folder, lineage(archive))
    rows = made.segments()
    made.close()
    assert sum(row.messages for row in rows) == 200
    assert len(rows) <= 9
    assert_right(archive, indexed=True)


def test_which_segments_are_joined() -> None:
    def rows(*sizes: int) -> list[Row]:
        return [Row(number, number, number, size) for number, size in enumerate(sizes)]

    def joined(*sizes: int) -> list[int]:
        return [row.messages for row in due(rows(*sizes))]

    assert joined(1, 1, 1, 1, 1, 1, 1) == []
    assert joined(*[1] * 8) == [1] * 8
    assert joined(4096, *[1] * 8) == [1] * 8
    assert joined(*[4096] * 8) == [4096] * 8
    assert joined(32768, *[4096] * 7) == []
    assert joined(*[30000] * 20) == []


def test_two_writers(archive: Archive) -> None:
    archive.add(letters(10))
    one = Writer(archive.folder, lineage(archive))
    with pytest.raises(Overtaken):
        Writer(archive.folder, lineage(archive))
    assert archive.index().messages == 0
    one.close()
    assert archive.index().messages == 10


def texts_kept(archive: Archive) -> list[int]:
    connection = apsw.Connection(str(archive.folder / FILE))
    kept = [places_of(places).emails for (places,) in connection.execute("SELECT places FROM text")]
    connection.close()
    return [email for emails in kept for email in emails]


def erase(archive: Archive) -> list[int]:
    """What has \\Deleted for good; the emails that are left."""
    archive.verbs.write(messages.expunge, archive.verbs.inbox)
    archive.verbs.now += 10 * buried.RETENTION
    while archive.verbs.write(lambda tx, actor: buried.erase(tx)).messages:
        pass
    (archive.folder / ERASED).touch()
    return [email for (email,) in archive.verbs.rows("SELECT id FROM email ORDER BY id")]


@pytest.mark.parametrize(("erased", "again"), [(3, 0), (8, 12)])
def test_what_was_erased_goes(archive: Archive, erased: int, again: int) -> None:
    """Its texts at once; with them all that is listed, when it has become much."""
    archive.add(letters(erased), flags=(DELETED,))
    archive.add(letters(20 - erased, first=erased))
    archive.index()
    left = erase(archive)
    assert len(texts_kept(archive)) == 20 and behind(archive.folder)
    assert archive.index().messages == again
    assert texts_kept(archive) == left and not behind(archive.folder)
    for key, (found, plan) in zip(ASKED, archive.find(ASKED)):
        assert found == archive.truth(key) - set(range(erased)), (key, plan)


def test_nothing_is_indexed_twice_or_left_out(archive: Archive, small: None) -> None:
    archive.add(letters(30))
    assert archive.index().messages == 30
    assert archive.index().messages == 0
    archive.add(letters(3, first=30))
    assert archive.index().messages == 3
    archive.verbs.write(messages.expunge, archive.verbs.inbox, actor=SERVER)
    assert_right(archive, indexed=True)


def test_check_finds_what_is_wrong(archive: Archive, small: None) -> None:
    archive.add(letters(20))
    archive.index()
    assert list(sound.problems(archive.folder)) == []
    sql(archive, "DELETE FROM segment WHERE id = (SELECT min(id) FROM segment)")
    assert any("belongs to no segment" in text for text in sound.problems(archive.folder))
    archive.index(anew=True)
    sql(archive, "DELETE FROM text")
    assert any("is not in search.db" in text for text in sound.problems(archive.folder))
    archive.index(anew=True)
    sql(archive, "UPDATE search_cursor SET email = email + 1000")
    assert any("has not given out" in text for text in sound.problems(archive.folder))
    archive.index(anew=True)
    for harm in (
        "UPDATE search_cursor SET modseq = 0, messages = messages + 1",
        "DELETE FROM vocabulary WHERE id = (SELECT max(id) FROM vocabulary)",
    ):
        sql(archive, harm)
        assert any("damaged" in text or "lost" in text for text in sound.problems(archive.folder))
        archive.index(anew=True)


def test_an_account_that_is_gone(tmp_path: Path) -> None:
    assert list(sound.problems(tmp_path)) == []


def test_an_index_that_is_being_written_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "WAIT", 0)
    busy = apsw.Connection(str(tmp_path / FILE))
    busy.execute("CREATE TABLE begun (here)").fetchall()
    busy.execute("BEGIN EXCLUSIVE").fetchall()
    assert list(sound.problems(tmp_path)) == []
    busy.close()
    assert list(sound.problems(tmp_path)) == []


def test_who_looks_at_an_older_moment_while_texts_are_put_together(archive: Archive, small: None) -> None:
    archive.add(letters(8))
    archive.index()
    asked = question(search.Body("needle"))
    assert asked is not None

    async def story(store: Store) -> tuple[bytearray, set[int]]:
        lineage = await store.read(archive.number, lambda tx: tx.rows("SELECT lineage FROM account")[0][0])
        snapshot = store.index.snapshot(archive.number, lineage)
        assert snapshot is not None
        snapshot.email_at(0)  # what it holds has been asked before
        archive.add(letters(8, 8))
        assert archive.index().joined
        found = marks.none(8)
        work = looking(snapshot, asked, marks.every(8), found)
        for _ in range(20):
            try:
                next(work)
            except StopIteration as done:
                return found, done.value
        raise AssertionError("goes on for ever")

    found, missing = archive.play(story)
    assert (list(found), missing) == ([1, 0, 0, 0, 0, 1, 0, 0], set())
