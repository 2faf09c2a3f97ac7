"""What is listed, in Python and compiled: the same, octet for octet."""

from __future__ import annotations

from array import array
from itertools import chain, cycle, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.store.index import listing, segment
from pillarbox.store.index.document import Document, document
from pillarbox.store.index.listing import Listed, Long
from pillarbox.store.index.pairs import SEPARATORS
from pillarbox.store.index.runs import LONG as TOO_LONG
from pillarbox.store.index.vocabulary import Packed
from tests import corpus
from tests.places import LONG

try:
    from pillarbox.store.index import _listing as compiled
except ImportError:
    compiled = listing  # type: ignore[misc,assignment]

needs_compiled = pytest.mark.skipif(compiled is listing, reason="built without a compiler")

Cut = tuple[tuple[Listed | None, Long], tuple[Listed | None, Long]]


def sets(cut: Cut) -> tuple[tuple[Listed | None, set[tuple[int, bytes]]], ...]:
    """In which order long runs are told, and how often, does not matter."""
    return tuple((whole, set(long)) for whole, long in cut)


# Few letters, so that they meet again; separators, long runs, all octets, some of them alone.
pieces = st.one_of(
    st.text("ab", max_size=9).map(str.encode),
    st.sampled_from([b" ", b"\n", b"  ", b", ", b"a" * 63, b"a" * 64, b"a" * 65, b"-" * 64, b"-" * 65]),
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
)
texts = st.lists(st.lists(pieces, max_size=30).map(b"".join), max_size=40)


@needs_compiled
@given(texts)
def test_runs_of_any_texts(given: list[bytes]) -> None:
    assert sets(compiled.runs(enumerate(given))) == sets(listing.runs(enumerate(given)))


@needs_compiled
def test_every_octet_is_of_the_same_kind() -> None:
    given = [(number, bytes([octet, octet])) for number, octet in enumerate(range(256))]
    assert sets(compiled.runs(given)) == sets(listing.runs(given))
    assert compiled.runs([(0, bytes(range(256)))]) == listing.runs([(0, bytes(range(256)))])


@needs_compiled
@given(texts)
def test_lines(given: list[bytes]) -> None:
    assert compiled.lines(enumerate(given)) == listing.lines(enumerate(given))


# Words that are frequent or not, of few letters, with all that may stand between them.
words = st.one_of(
    st.sampled_from(["a", "ab", "ba", "abc", "é", "ä" * 20, "ab" * 32, "ab" * 33]), st.text("abc", min_size=1)
).map(str.encode)
borders = st.one_of(
    st.sampled_from(SEPARATORS),
    st.sampled_from([b" ", b" ", b"\n", b"\n\n", b"", b"\0", b"  ", b"...", b"\x02", b"\x03", b"-" * 65]),
)
lines_of_words = st.lists(st.tuples(borders, words), max_size=40).map(chain.from_iterable).map(b"".join)


@needs_compiled
@given(st.lists(st.tuples(lines_of_words, borders).map(b"".join), max_size=20), st.sets(words, max_size=4))
def test_pairs(given: list[bytes], some: set[bytes]) -> None:
    frequent = [word for word in some if len(word) <= TOO_LONG]
    ours = listing.pairs(enumerate(given), frequent, SEPARATORS)
    assert compiled.pairs(enumerate(given), frequent, SEPARATORS) == ours


@needs_compiled
@given(texts)
def test_pairs_of_any_texts(given: list[bytes]) -> None:
    ours = listing.pairs(enumerate(given), [b"a", b"ab"], [b" ", b", "])
    assert compiled.pairs(enumerate(given), [b"a", b"ab"], [b" ", b", "]) == ours


@needs_compiled
@pytest.mark.parametrize(
    ("frequent", "separators"), [([b""], [b" "]), ([b"a" * 65], [b" "]), ([], [b""]), ([], [b" " * 17])]
)
def test_pairs_of_what_is_never_listed(frequent: list[bytes], separators: list[bytes]) -> None:
    with pytest.raises(ValueError, match="may be listed"):
        compiled.pairs([(0, b"one two")], frequent, separators)


@st.composite
def parts(draw: st.DrawFn) -> list[tuple[bytes, bytes, bytes, int]]:
    """Several lists, each of more messages."""
    out = []
    before = draw(st.integers(0, 300))
    for some in draw(st.lists(texts, max_size=8)):
        for found, _ in listing.runs(enumerate(some)):
            if found is not None:
                out.append((*found, before))
                before += len(some)
    return out


@needs_compiled
@given(parts())
def test_joining(given: list[tuple[bytes, bytes, bytes, int]]) -> None:
    assert compiled.join(given) == listing.join(given)


@given(texts, st.integers(1, 5))
def test_what_is_joined_is_what_is_listed_together(given: list[bytes], size: int) -> None:
    some = [given[at : at + size] for at in range(0, len(given), size)]
    for which in (0, 1):
        found = [listing.runs(enumerate(one))[which][0] for one in some]
        joined = listing.join([(*one, at * size) for at, one in enumerate(found) if one is not None])
        assert joined == listing.runs(enumerate(given))[which][0]


@needs_compiled
@given(st.binary(max_size=200), st.binary(max_size=60), st.binary(max_size=100), st.integers(0, 99))
def test_joining_what_is_no_list(words: bytes, steps: bytes, postings: bytes, more: int) -> None:
    """The compiled one says so, whatever the octets; it never looks beyond them."""
    usual = listing.runs([(0, b"one two"), (1, b"two")])[0][0]
    assert usual is not None
    for part in (
        (words, steps, postings, more),
        (usual[0], steps, postings, more),
        (words, usual[1], postings, more),
        (usual[0], usual[1], postings, more),
        (b"\n" + words + b"\n", listing.STEP.pack(0, len(postings) // 2, 0), postings, more),
    ):
        try:
            made = compiled.join([(*usual, 0), part])
        except ValueError as error:
            assert str(error) == "no vocabulary"
        else:
            assert made is not None


@needs_compiled
@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("runs", 7),
        ("runs", [7]),
        ("runs", [(0, "text")]),
        ("runs", [(0, b"text", 1)]),
        ("runs", [("0", b"text")]),
        ("lines", 7),
        ("lines", [(0, 7)]),
        ("lines", [(0, "text")]),
        ("pairs", 7),
        ("join", 7),
        ("join", [7]),
        ("join", [(b"\n", b"", b"", "")]),
    ],
)
def test_what_is_none_of_it(call: str, given: object) -> None:
    with pytest.raises(TypeError):
        getattr(compiled, call)(given)


@needs_compiled
@pytest.mark.parametrize(
    "given",
    [
        (7, [], []),
        ([(0, "text")], [], []),
        ([(0, b"text")], 7, []),
        ([(0, b"text")], ["text"], []),
        ([(0, b"text")], [], [7]),
    ],
)
def test_what_is_no_pair(given: tuple[Any, Any, Any]) -> None:
    with pytest.raises(TypeError):
        compiled.pairs(*given)


@needs_compiled
@pytest.mark.parametrize("number", [-1, 1 << 16, 1 << 80])
def test_messages_have_two_octets(number: int) -> None:
    for call in (compiled.runs, compiled.lines):
        with pytest.raises(OverflowError):
            call([(number, b"text")])


@needs_compiled
def test_an_error_of_who_gives_the_texts_is_passed_on() -> None:
    for call in (compiled.runs, compiled.lines):
        with pytest.raises(ZeroDivisionError):
            call((number, b"text" if 1 // (3 - number) else b"") for number in range(9))


def built(documents: list[Document], how: object, patch: pytest.MonkeyPatch) -> dict[segment.Key, Packed]:
    patch.setattr(segment, "listing", how)
    return segment.build(array("Q", range(len(documents))), documents).vocabularies


@needs_compiled
def test_segments_of_real_and_tortured_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    real = (mail.raw for mail in corpus.mails("spamassassin"))
    tortured = (mail.raw for mail in corpus.mails("torture") if len(mail.raw) < 1 << 20)
    count = 6000 if LONG else 1500
    documents = [document(raw) for raw in islice(chain.from_iterable(zip(real, cycle(tortured))), count)]
    assert built(documents, compiled, monkeypatch) == built(documents, listing, monkeypatch)
