"""Phrases of words that are nearly everywhere are found without a look into the texts."""

from __future__ import annotations

import random

import pytest

from pillarbox.model import search
from pillarbox.store.index import catching_up, paired, writer
from tests.store.archive import Archive
from tests.store.needles import TextKey

FREQUENT = ("of", "the", "to", "and", "и", "не", "会")
RARE = ("theory", "proof", "Ende", "не́т", "иди", "é", "ſtreet", "x", "dog", "w" * 80, "会議")
BETWEEN = (" ",) * 12 + (", ", "  ", "-", "\r\n", "\t", " \x01 ", " * ")


def letter(chance: random.Random) -> bytes:
    words = [chance.choice(FREQUENT if chance.random() < 0.8 else RARE) for _ in range(14)]
    said = "".join(word + chance.choice(BETWEEN) for word in words)
    return f"Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{said}\r\n".encode()


@pytest.fixture
def phrases(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(catching_up, "BATCH", 60)
    monkeypatch.setattr(catching_up, "READ", 8)
    monkeypatch.setattr(writer, "FAN", 3)
    monkeypatch.setattr(paired, "ENOUGH", 50)
    monkeypatch.setattr(paired, "MANY", 4)
    chance = random.Random(11)
    archive.add(letter(chance) for _ in range(400))
    archive.index()
    return archive


def test_two_words_and_a_letter(phrases: Archive) -> None:
    """What is typed first of a second word decides, and so do words that are everywhere."""
    asked: list[TextKey] = [search.Body(needle) for needle in ("of t", "o t", "of d", "f x", "d o", "s o")]
    for key, (found, plan) in zip(asked, phrases.find(asked)):
        assert found == phrases.truth(key), (key, plan)
        assert plan.steps[0].looked_into <= 24, plan
    assert len(phrases.find(asked)[0][0]) > 50


def test_all_beginnings_and_ends(phrases: Archive) -> None:
    words = (*FREQUENT, *RARE)
    chance = random.Random(12)
    asked: list[TextKey] = []
    for _ in range(600):
        first, second = chance.choice(words), chance.choice(words)
        middle = chance.choice(("", "", f" {chance.choice(words)}"))
        start, stop = chance.randrange(len(first)), chance.randrange(len(second))
        asked.append(search.Body(f"{first[start:]}{middle} {second[: stop + 1]}"))
    for key, (found, plan) in zip(asked, phrases.find(asked)):
        assert found == phrases.truth(key), (key, plan)


def test_a_mailbox_too_small_to_tell_what_is_frequent(archive: Archive) -> None:
    chance = random.Random(13)
    archive.add(letter(chance) for _ in range(12))
    archive.index()
    asked: list[TextKey] = [search.Body(needle) for needle in ("of the", "f t", "d o", "to of", "не и")]
    for key, (found, plan) in zip(asked, archive.find(asked)):
        assert found == archive.truth(key), (key, plan)
