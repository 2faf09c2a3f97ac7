"""FUZZY finds what is alike, and the index ranks it as the messages themselves do."""

from __future__ import annotations

import random

import pytest

from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.store.query import fuzzy
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from tests import corpus
from tests.store.archive import Archive

MAIL = [
    b"From: Ann <ann@x.example>\r\nSubject: hello world\r\n\r\nsomething else\r\n",
    b"From: Bob <bob@x.example>\r\nSubject: other\r\n\r\nmay I help you?\r\n",
    b"From: Hello <c@x.example>\r\nSubject: nothing\r\nX-Note: helium\r\n\r\nat all\r\n",
    b"From: Dan <d@x.example>\r\nSubject: re: helo\r\n\r\nhelo\r\n",
    b"From: Eve <e@x.example>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n\r\nreceived your invoices\r\n",
]


def ranks(archive: Archive, key: search.Key) -> dict[int, int]:
    """How relevant each message found is, by its number."""

    async def story(store: Store) -> dict[int, int]:
        columns = await store.columns(archive.number, SERVER, archive.verbs.inbox)
        scope = Scope(archive.number, SERVER, archive.verbs.inbox, columns.uids, lambda key: None)
        planner = Planner(store, scope)
        found = await planner.find(key, masks.full(len(columns.uids)))
        uids = masks.selected(columns.uids, found)
        return dict(zip((uid - 1 for uid in uids), await planner.relevancy(found)))

    return archive.play(story)


FOUND = [
    (search.Text("Helo"), {0: 75, 1: 45, 2: 68, 3: 100}),
    (search.Header("subject", "Helo"), {0: 75, 3: 100}),
    (search.Header("from", "helo"), {2: 100}),
    (search.Header("x-note", "helium"), {2: 100}),  # exact: it has no list of its own
    (search.Header("x-note", "helum"), {}),
    (search.Body("recieved invoice"), {4: 100}),
    (search.Body("recieved nothing"), {}),
    (search.Header("subject", "cafe world"), {}),
    (search.Header("subject", "wolrd hello"), {0: 100}),
    (search.Header("subject", "caff\u00e9"), {4: 100}),
    (search.Text("???"), {}),
    (search.Text(""), dict.fromkeys(range(5), 100)),
    (search.And((search.Text("helo"), search.Header("from", "bob"))), {1: 100}),
    (search.Or((search.Header("subject", "helo"), search.Body("helo"))), {0: 47, 1: 28, 3: 100}),
    (search.Not(search.Text("helo")), {0: 1, 1: 1, 2: 1, 4: 1}),
    (search.Size(1 << 20, larger=False), dict.fromkeys(range(5), 1)),
]


@pytest.mark.parametrize("indexed", [0, 3, 5])
@pytest.mark.parametrize(("key", "found"), FOUND)
def test_found_and_ranked(archive: Archive, key: search.Key, found: dict[int, int], indexed: int) -> None:
    archive.add(MAIL[:indexed])
    if indexed:
        archive.index()
    archive.add(MAIL[indexed:])
    assert ranks(archive, search.Fuzzy(key)) == found


def test_the_index_ranks_as_the_messages_do(archive: Archive) -> None:
    chance = random.Random(5)
    archive.add(chance.sample(corpus.real(), 60))
    texts = " ".join(part for text in archive.texts for part in text.parts)
    words = [word for word in set(texts.split()) if word.isascii() and word.isalpha() and 4 <= len(word) < 8]
    asked = [
        search.Text(word[:1] + word[2:] if number % 2 else word)
        for number, word in enumerate(chance.sample(sorted(words), 12))
    ]
    before = [ranks(archive, search.Fuzzy(key)) for key in asked]
    assert any(before)
    archive.index()
    assert [ranks(archive, search.Fuzzy(key)) for key in asked] == before


def test_hostile_words(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzy, "REMEMBERED", 50)
    chance = random.Random(6)
    junk = " ".join("".join(chance.choices("abcdefgh", k=9)) for _ in range(3000))
    archive.add([b"Subject: junk\r\n\r\n" + junk.encode() + b"x" * 200_000, *MAIL])
    needles = ["y" * 100_000, " ".join(["word"] * 10_000), "abcdefgha", "a" * 64, "\udc80", "\0", "z" * 9]
    for needle in needles:
        ranks(archive, search.Fuzzy(search.Text(needle)))
    archive.index()
    for needle in needles:
        ranks(archive, search.Fuzzy(search.Text(needle)))
