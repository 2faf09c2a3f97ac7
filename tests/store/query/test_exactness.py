"""Searches find exactly what brute force finds, whatever of it is indexed, and in however many segments."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.model import search
from pillarbox.store import messages
from pillarbox.store.index import catching_up, paired, writer
from pillarbox.testing.verbs import account
from tests import corpus
from tests.places import LONG
from tests.store.archive import Archive
from tests.store.needles import TextKey, keys

REAL, TORTURE = (3000, 2200) if LONG else (250, 150)
QUERIES = 2000 if LONG else 250


def assert_exact(archive: Archive, asked: list[TextKey]) -> None:
    for key, (found, plan) in zip(asked, archive.find(asked)):
        assert found == archive.truth(key), (key, plan)


def mail(count: int, tortured: int, chance: random.Random) -> list[bytes]:
    some = chance.sample(corpus.real(), min(count, len(corpus.real())))
    files = [corpus.as_delivered(mail.raw) for mail in corpus.mails("torture") if len(mail.raw) < 1 << 20]
    return [*some, *chance.sample(files, min(tortured, len(files)))]


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> int:
    """Segments as small as they may be, so that there are many and they are joined."""
    monkeypatch.setattr(catching_up, "BATCH", 40)
    monkeypatch.setattr(catching_up, "READ", 8)
    monkeypatch.setattr(writer, "FAN", 3)
    return 40


def test_real_and_tortured_mail(archive: Archive, batch: int) -> None:
    chance = random.Random(1)
    letters = mail(REAL, TORTURE, chance)
    chance.shuffle(letters)
    tail = len(letters) // 20
    archive.add(letters[:-tail])
    caught = archive.index()
    assert caught.joined > 2
    archive.add(letters[-tail:])  # not in the index
    asked = keys(archive.texts, QUERIES, chance)
    assert_exact(archive, asked)
    archive.index()
    assert_exact(archive, asked[:50])


def test_one_segment_and_none(archive: Archive) -> None:
    chance = random.Random(2)
    archive.add(mail(120, 60, chance))
    asked = keys(archive.texts, 60, chance)
    assert_exact(archive, asked)
    archive.index()
    assert_exact(archive, asked)


SCRIPTS = (
    "abcdefgh ijklmnop,.-@<>!? 0123456789\n\t",
    "ÄÖÜßéèçñøłž ſﬁ Ⅷ",
    "приветмир ΑΒΓαβγς",
    "会議の議事録漢字東京都電子郵件　、。",
    "ｆｕｌｌ ｗｉｄｔｈ ﾊﾝｶｸ",
    "สวัสดีครับ",
    "안녕하세요",
    "שלום مرحبا",
    "😀🎉👩‍👩‍👧e\u0301o\u0302",
)
letters_of_all = st.sampled_from("".join(SCRIPTS))
texts = st.one_of(
    *(st.text(alphabet=script, max_size=90) for script in SCRIPTS), st.text(letters_of_all, max_size=90)
)


@st.composite
def letters(draw: st.DrawFn) -> bytes:
    subject = draw(texts).replace("\n", " ")
    sender = draw(texts).replace("\n", " ")
    return (
        f"Subject: {subject}\r\nFrom: {sender} <a@b.example>\r\nX-Other: {draw(texts)!r}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{draw(texts)}\r\n{draw(texts)}{draw(texts)}"
    ).encode("utf-8", "surrogatepass")


@settings(
    max_examples=200 if LONG else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(letters(), min_size=1, max_size=12), st.integers(0, 3), st.randoms(use_true_random=False))
def test_generated_mail(
    tmp_path_factory: pytest.TempPathFactory, some: list[bytes], unindexed: int, chance: random.Random
) -> None:

    folder = tmp_path_factory.mktemp("generated")
    with account(folder) as verbs:
        archive = Archive(folder, verbs)
        archive.add(some[: max(1, len(some) - unindexed)])
        archive.index()
        archive.add(some[max(1, len(some) - unindexed) :])
        assert_exact(archive, list(islice(keys(archive.texts, 30, chance), 30)))


LONG_RUN = "".join(chr(0x4E00 + 7 * at % 3000) for at in range(400))
JUNK = "".join(random.Random(3).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=5000))
LINES = "-=" * 70 + "|" * 100


@pytest.mark.parametrize("text", [LONG_RUN, JUNK, LINES, LONG_RUN + JUNK, "é" * 500 + "x" + "é" * 300])
def test_long_runs(archive: Archive, text: str) -> None:
    chance = random.Random(4)
    head = "Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    archive.add(
        (head + "".join(part)).encode()
        for part in ([text], [text[:200]], ["a ", text[5:90], " b"], ["nothing"], [text[::-1]])
    )
    archive.index()
    asked: list[TextKey] = []
    for _ in range(60):
        start, size = chance.randrange(len(text)), chance.choice((1, 2, 3, 4, 5, 8, 30, 63, 64, 65, 200))
        asked.append(search.Body(text[start : start + size]))
    asked += [search.Text(text), search.Body(text + "y"), search.Body("a " + text[5:8])]
    assert_exact(archive, asked)


def test_a_needle_of_a_mebibyte(archive: Archive) -> None:
    text = " ".join(f"word{number}" for number in range(120_000))
    assert len(text) > 1 << 20
    archive.add([b"Subject: s\r\n\r\n" + text.encode(), b"Subject: t\r\n\r\nword1 word2"])
    archive.index()
    asked: list[TextKey] = [search.Body(text), search.Body(text[:-1] + "!"), search.Text("x" * (1 << 20))]
    assert_exact(archive, asked)
    assert archive.truth(asked[0]) == {0}


def test_fields_whose_names_are_no_names(archive: Archive) -> None:
    archive.add(
        [
            b"From: ada\r\n\r\nx",
            b"Fr\xadom: ada\r\n\r\nx",  # a soft hyphen is not seen in texts, but this is another name
            b"FR OM: ada\r\n\r\nx",
            b"\xe4: ada\r\n\r\nx",
        ]
    )
    archive.index()
    asked: list[TextKey] = [
        search.Header(name, needle)
        for name in ("from", "fr om", "fr\xadom", "\xe4", "\xc4", "fr")
        for needle in ("", "ada", "A", "from")
    ]
    asked += [search.Text(needle) for needle in ("from: ada", "om: ada", "Ä: a", "\0", "from:ada")]
    assert_exact(archive, asked * 3)


def test_lines_that_are_listed_whole(archive: Archive) -> None:
    long = "word " * 300 + "and the end"
    archive.add(
        (
            f"Subject: Re: [{number}] of {number % 7} and more\r\nX-Mailer: Pine. LNX: {number % 3}\r\n"
            "X-Mailer: Two of them\r\nFrom: Ada, a <a@b.example>\r\n\r\nx"
        ).encode()
        for number in range(700)
    )
    archive.add(
        [
            f"Subject: {long}\r\nX-Mailer: x\r\n {long}\r\nTo: a@b.example, {long}\r\n\r\n".encode(),
            b"Subject:\r\nX-Mailer:\r\n\r\n",
            b"subject: X-Mailer: Pine. LNX: 1\r\n\r\n",
            b"Subject: Ada: a\r\nSubject: Re: twice, more\r\n\r\n",
        ]
    )
    archive.index()
    needles = (
        "re: ",
        "Re: [6",
        "] of 3 and",
        " of",
        "e: ",
        "word and the",
        "ine. lnx: 2",
        "x-mailer: p",
        "of them",
        "",
    )
    asked: list[TextKey] = [
        search.Header(name, needle)
        for name in ("subject", "x-mailer", "from", "to", "cc")
        for needle in needles
    ]
    asked += [search.Text(needle) for needle in needles]
    assert_exact(archive, asked)
    decided: list[TextKey] = [search.Header("from", "ada, "), search.Header("x-mailer", "pine. lnx: 1")]
    for key, (found, plan) in zip(decided, archive.find(decided)):
        assert found == archive.truth(key)
        assert plan.steps[-1].looked_into <= 1 and plan.steps[-1].read == 0, plan


STEMS = ("of", "the", "roof", "other", "theory", "to", "a", "aa", "list", "mailing", "then", "é", "w" * 80)
JOINTS = (" ", " ", " ", " ", ", ", "-", "\r\n", ".\r\n\r\n", " (", " - ")


def test_phrases_of_frequent_words(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "BATCH", 60)
    monkeypatch.setattr(catching_up, "READ", 8)
    monkeypatch.setattr(writer, "FAN", 3)
    monkeypatch.setattr(paired, "ENOUGH", 50)
    chance = random.Random(5)

    def letter(stems: tuple[str, ...]) -> bytes:
        said = "".join(chance.choice(stems) + chance.choice(JOINTS) for _ in range(12))
        return f"Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{said}\r\n".encode()

    archive.add(letter(STEMS[:3]) for _ in range(20))  # too few to tell what is frequent
    archive.index()
    archive.add(letter(STEMS[2:]) for _ in range(150))
    archive.index()
    archive.add(letter(STEMS) for _ in range(300))
    archive.index()
    for _ in range(7):
        archive.add(letter(STEMS[:7]) for _ in range(5))
        archive.index()
    pieces = [stem[at:] for stem in STEMS[:12] for at in range(len(stem))]
    asked: list[TextKey] = [
        search.Body(f"{start} {end}")
        for start in dict.fromkeys(pieces)
        for end in dict.fromkeys(stem[: at + 1] for stem in STEMS[:12] for at in range(len(stem)))
    ]
    for _ in range(200):
        phrase = [chance.choice(STEMS) for _ in range(chance.randint(2, 4))]
        asked.append(search.Body(chance.choice((" ", "", "o")) + " ".join(phrase) + chance.choice(" ,t")))
    for key, (found, plan) in zip(asked, archive.find(asked)):
        assert found == archive.truth(key), (key, plan)
    (found, plan) = archive.find([search.Body("of the")])[0]
    assert len(found) > 50
    assert plan.steps[0].looked_into < 150, plan  # of 505


def test_mail_that_no_index_holds(archive: Archive) -> None:
    """It is told at a glance what of it has not the words; with an index that has some of it, and none."""
    chance = random.Random(5)
    some = mail(120, 160, chance)
    archive.add(some[:60])
    archive.index()
    archive.add(some[60:])
    asked = [key for key in keys(archive.texts, 2 * QUERIES, chance) if any(map(str.isalnum, key.needle))]
    asked += [
        search.Header(name, needle)
        for name in ("from", "to", "cc", "bcc", "subject")
        for needle in ("", "e", "com", "re: ", "<", "(", "@", '"', "a, b", "redhat", "\xe9")
    ]
    assert_exact(archive, asked)
    for file in archive.folder.glob("search.db*"):
        file.unlink()
    assert_exact(archive, asked[::3])


def test_a_message_that_is_there_twice_and_not_indexed(archive: Archive) -> None:
    archive.add([b"Subject: zebra\r\n\r\nstripes", b"Subject: horse\r\n\r\nmane"])
    archive.index()
    archive.add([b"Subject: zebra two\r\n\r\nstripes", b"From: a\r\nFrom: zebra\r\nSubject: zebra\r\n\r\nx"])
    assert_exact(archive, [search.Header("subject", "zebra"), search.Header("from", "zebra")])
    copies = archive.verbs.write(messages.copy, archive.verbs.inbox, ((3, 3),), archive.verbs.inbox)
    assert copies
    found, _ = archive.find([search.Header("subject", "zebra")])[0]
    assert found == {0, 2, 3, 4}
    archive.verbs.write(messages.remove, archive.verbs.inbox, ((3, 3),))
    found, _ = archive.find([search.Header("subject", "zebra")])[0]
    assert found == {0, 3, 4}


def test_mail_of_an_older_program_is_asked_itself(archive: Archive) -> None:
    chance = random.Random(6)
    archive.add(mail(40, 20, chance))
    archive.verbs.run("UPDATE email_key SET own_fields = NULL WHERE email % 4 < 2")
    archive.verbs.run("UPDATE email SET derived = derived - 1, structure = x'' WHERE id % 4 > 1")
    assert_exact(archive, keys(archive.texts, 100, chance))
