"""Phrases of words that are nearly everywhere are found without a look into the texts."""

from __future__ import annotations

import random

import pytest

from pillarbox.model import search
from pillarbox.store.index import catching_up, lookup, paired, pairs, texts, writer
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


ACROSS = (
    *(" ", ", ", ". ", "-", "'", "/", ".", ","),
    "  ",
    " \x01 ",
    " * ",
    "; ",
    "...",
    "\x02",
    "\x03",
    "*",
)


def punctuated(chance: random.Random) -> bytes:
    words = [chance.choice(FREQUENT if chance.random() < 0.7 else RARE) for _ in range(14)]
    lines = "".join(f"{chance.choice(ACROSS)}{word}{chance.choice(('', ' ', '.'))}" for word in words)
    said = "".join(word + chance.choice(ACROSS) for word in words)
    body = chance.choice((said, lines, f"{said}\r\n\r\n{lines}", f"<p>{lines}</p>"))
    return f"Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()


@pytest.fixture(params=["in few steps", "in many steps"])
def punctuation(archive: Archive, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Archive:
    """With a dictionary for texts, and of some batches too few messages for one."""
    monkeypatch.setattr(catching_up, "BATCH", 150)
    monkeypatch.setattr(catching_up, "READ", 8)
    monkeypatch.setattr(writer, "FAN", 2)
    monkeypatch.setattr(paired, "ENOUGH", 50)
    monkeypatch.setattr(texts, "ENOUGH", 100)
    if request.param == "in many steps":
        monkeypatch.setattr(lookup, "TURN", 300)
        monkeypatch.setattr(lookup, "LITTLE", 8)
    chance = random.Random(14)
    archive.add(punctuated(chance) for _ in range(60))
    archive.index()
    archive.add(punctuated(chance) for _ in range(400))
    archive.index()
    return archive


def test_across_punctuation(punctuation: Archive) -> None:
    chance = random.Random(15)
    asked: list[TextKey] = []
    for _ in range(500):
        first, second = chance.choice((*FREQUENT, *RARE)), chance.choice((*FREQUENT, *RARE))
        before, between, after = (chance.choice(ACROSS) for _ in range(3))
        ended, begun = first[chance.randrange(len(first)) :], second[: chance.randrange(len(second)) + 1]
        needle = chance.choice(
            (
                *(ended + between + begun, ended + after, before + begun, before + first + after),
                *(ended + between + second + after, before + first + between + begun),
            )
        )
        start = chance.randrange(min(2, len(needle)))
        asked.append(search.Body(needle[start:]))
    for key, (found, plan) in zip(asked, punctuation.find(asked)):
        assert found == punctuation.truth(key), (key, plan)


def test_a_border_and_a_word_decide(punctuation: Archive) -> None:
    """What is listed of a word and of what is on its sides needs no look into a text."""
    asked: list[TextKey] = [
        search.Body(needle) for needle in (", the", "of-", "o-t", "-the/", ". of, ", "e'a")
    ]
    for key, (found, plan) in zip(asked, punctuation.find(asked)):
        assert found == punctuation.truth(key), (key, plan)
        assert len(found) < 300
        assert plan.steps[0].looked_into <= 150, plan


def test_what_marks_a_cut_word_is_no_separator(archive: Archive) -> None:
    """An asterisk stands for the rest of a word in what is listed: it is no asterisk of the text."""
    assert not [one for one in pairs.SEPARATORS if b"*" in one or pairs.OTHER in one or pairs.RING in one]
    letter = "Subject: s\r\n\r\n{0}w{1}p. Put w{1}p w{1}p of *{1}, bat\r\n"
    archive.add(letter.format("a*b " * (number % 3), number).encode() for number in range(90))
    archive.index()
    asked: list[TextKey] = [search.Body(needle) for needle in ("*p", "*p.", "p*", "*p of", " *", "* ", "*b")]
    for key, (found, plan) in zip(asked, archive.find(asked)):
        assert found == archive.truth(key), (key, plan)
