"""An index that is expected to be searched is at hand: bounded, given back, and no answer depends on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pillarbox.model import search
from pillarbox.store.index import expecting
from pillarbox.store.index.reader import Reader
from pillarbox.store.store import Store
from pillarbox.testing.verbs import account
from tests import corpus
from tests.store.archive import Archive

KEYS: list[search.Key] = [
    search.Header("from", "example"),
    search.Header("subject", "re: "),
    search.Body("the"),
]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is unpacked."""
    out: list[str] = []
    one = Reader._one

    def noted(self: Reader, sql: str, number: int, segment: int) -> Any:
        out.append(sql)
        return one(self, sql, number, segment)

    monkeypatch.setattr(Reader, "_one", noted)
    return out


def test_a_search_that_was_expected_unpacks_no_vocabulary(archive: Archive, read: list[str]) -> None:
    archive.add(corpus.real()[:150])
    archive.index()
    cold = archive.find(KEYS)
    assert any("vocabulary" in sql for sql in read)

    async def story(store: Store) -> None:
        store.expecting.expect(archive.number)
        await store.expecting.settle()
        assert 0 < store.expecting.octets < 4 << 20
        read.clear()
        found = [await archive.search(store, key) for key in KEYS]
        assert not any("vocabulary" in sql for sql in read)
        assert [numbers for numbers, _ in found] == [numbers for numbers, _ in cold]

    archive.play(story)


def test_it_is_given_back(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expecting, "GIVEN_BACK", 0.0)
    archive.add(corpus.real()[:50])
    archive.index()

    async def story(store: Store) -> None:
        store.expecting.expect(archive.number)
        await store.expecting.settle()
        while store.expecting.octets:
            store.expecting.expect(archive.number)
            await asyncio.sleep(0)
        assert store.index.octets == 0
        assert (await archive.search(store, KEYS[2]))[0] == archive.truth(search.Body("the"))

    archive.play(story)


def test_no_more_than_so_much_is_held(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "MOST", 1)
    archive.add(corpus.real()[:50])
    archive.index()
    with account(tmp_path, number=9) as verbs:
        other = Archive(tmp_path, verbs, 9)
        other.add(corpus.real()[50:100])
        other.index()

    async def story(store: Store) -> None:
        for number in (archive.number, 9, archive.number):
            store.expecting.expect(number)
            await store.expecting.settle()
        before = store.expecting.octets
        store.expecting.expect(9)
        await store.expecting.settle()
        assert store.expecting.octets < 2 * before  # of one account
        assert (await archive.search(store, KEYS[2]))[0] == archive.truth(search.Body("the"))

    archive.play(story)


def test_there_may_be_nothing_to_expect(archive: Archive) -> None:
    archive.add([b"Subject: x\r\n\r\ntext"])

    async def story(store: Store) -> None:
        for number in (archive.number, 77):  # without an index; without an account
            store.expecting.expect(number)
        await store.expecting.settle()
        assert store.expecting.octets == 0
        archive.index()
        (archive.folder / "search.db").write_bytes(b"no index at all " * 1024)
        store.expecting.expect(archive.number)
        await store.expecting.settle()
        assert (await archive.search(store, search.Body("text")))[0] == {0}

    archive.play(story)


def test_who_leaves_at_once_leaves_nothing_behind(archive: Archive) -> None:
    archive.add(corpus.real()[:20])
    archive.index()

    async def story(store: Store) -> None:
        store.expecting.expect(archive.number)

    archive.play(story)
