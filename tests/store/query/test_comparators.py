"""Searches by comparators that tell letters apart find exactly what brute force finds, index or no index."""

from __future__ import annotations

import random

import pytest

from pillarbox.message.casemap import Fold
from pillarbox.message.collation import ASCII_CASEMAP, OCTET, Comparator
from pillarbox.message.searchable import line, searchable_headers, searchable_parts
from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store
from tests import corpus
from tests.store.archive import Archive
from tests.store.needles import TextKey

QUERIES = 120


class Letter:
    """A message as a comparator sees it."""

    def __init__(self, raw: bytes, fold: Fold) -> None:
        self.fold = fold
        self.headers = searchable_headers(raw, fold)
        self.parts = list(searchable_parts(raw, fold=fold))

    def matches(self, key: TextKey) -> bool:
        needle = self.fold(key.needle, len(key.needle))
        if isinstance(key, search.Header):
            return any(name.lower() == key.name and needle in text for name, text in self.headers)
        in_parts = not needle or any(needle in text for text in self.parts)
        lines = [line(name, text, self.fold) for name, text in self.headers]
        return in_parts or (isinstance(key, search.Text) and any(needle in one for one in lines))


def a_key(letters: list[Letter], chance: random.Random) -> TextKey:
    """Its needle is cut out of a text, and sometimes not written as it is there."""
    letter = chance.choice(letters)
    name, text = chance.choice(letter.headers or (("subject", "x"),))
    if letter.parts and chance.random() < 0.4:
        text = chance.choice(letter.parts)
    start = chance.randrange(len(text) + 1)
    needle = text[start : start + chance.randint(1, 20)]
    needle = chance.choice((needle, needle, needle.swapcase()))
    return chance.choice((search.Header(name.lower(), needle), search.Body(needle), search.Text(needle)))


@pytest.mark.parametrize("comparator", [ASCII_CASEMAP, OCTET], ids=lambda comparator: str(comparator.name))
def test_comparators_are_exact(archive: Archive, comparator: Comparator) -> None:
    chance = random.Random(comparator.name)
    raw = chance.sample(corpus.real(), 60)
    raw += [corpus.as_delivered(mail.raw) for mail in chance.sample(corpus.mails("torture"), 40) if mail.raw]
    archive.add(raw[:80])
    archive.index()
    archive.add(raw[80:])  # not in the index
    letters = [Letter(one, comparator.fold) for one in raw]
    asked = [a_key(letters, chance) for _ in range(QUERIES)]

    async def story(store: Store) -> list[set[int]]:
        columns = await store.columns(archive.number, SERVER, archive.verbs.inbox)
        scope = Scope(
            *(archive.number, SERVER, archive.verbs.inbox, columns.uids, lambda key: None),
            fold=comparator.fold,
        )
        out = []
        for key in asked:
            found = await Planner(store, scope).find(key, masks.full(len(columns.uids)))
            out.append({uid - 1 for uid in masks.selected(columns.uids, found)})
        return out

    hits = 0
    for key, found in zip(asked, archive.play(story)):
        truth = {number for number, letter in enumerate(letters) if letter.matches(key)}
        assert found == truth, key
        hits += len(truth)
    assert hits > QUERIES
