"""Pairs of words, listed with what is between them.

The words of a phrase like "from the mailing list" are all in so many messages that they narrow nothing, and
most messages would have to be looked into. So what stands side by side in a body is listed too.

Every two words that follow each other in a line of the text are listed as FIRST SEPARATOR SECOND. A word
that is in many of the messages that are indexed together, a `frequent` one, is listed whole; of another one
no more than its last octets where it comes first, and its first ones where it comes second, with an asterisk
for the rest: "OF THE", "OF TO*", "*T, AND". Two octets, or all if the word has fewer, where the separator is
one space, else one. Octets beyond ASCII tell little alone (half of Cyrillic begins with one), so these stand
in fifteen classes, as 0x10 + octet % 15. A separator is listed as it is if it is one of `SEPARATORS`, any
other one as `OTHER`. Before the first word of a line of the text and after its last one stands a word of no
octets, which is listed whole, unless there is no separator either: " AND", "*D.". All pairs are listed, so
whatever such a line decides needs no look into a text, and there are few different lines.

Of a frequent word is also listed what stands on both sides of it, as RING SEPARATOR WORD SEPARATOR, at the
ends of a line of the text with nothing in the place of the separator. The most usual one, a space on both
sides, is not listed; instead RING WORD RING lists the messages that have the word, but never so.

Which words are frequent differs between batches of messages: `paired` keeps which were where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pillarbox.store.index.runs import WORD_OCTETS, borders_in_order, listed_border, words_in_order

SPACE = b" "
# Nineteen of twenty that there are: what is between words of a sentence, and some of addresses and markup.
# None has in it what marks lines: an asterisk of the text would be taken for the rest of a word.
SEPARATORS = (
    *(SPACE, b", ", b".", b". ", b"/", b"-", b"'", b": ", b"=", b" > ", b"://", b":", b"> ", b'" ', b"@"),
    *(b" (", b"_", b" <", b' "', b'="', b'"', b") ", b"? ", b"! ", b",", b" - ", b"; ", b"] ", b" [", b" -"),
    *(b" $", b"' ", b" '", b"/ ", b"&", b"... ", b"?", b"). ", b'." ', b'," ', b'. "', b"), ", b"(", b"% "),
    *(b" -- ", b": > ", b". > ", b" > > ", b". > > ", b", > ", b"+", b"[", b")", b', "'),
    *(b'", ', b". (", b'". ', b" & ", b" /", b': "'),
)
OTHER = b"\x02"
RING = b"\x03"

LETTERS = (2, 1)  # octets that are listed of a word that is not frequent

_BEYOND = 15  # classes of the octets beyond ASCII
_CLASSES = bytes(code if code < 0x80 else 0x10 + code % _BEYOND for code in range(256))


def separator(border: bytes) -> bytes:
    """A border run as it is in a text."""
    return bytes(code & 0x7F for code in border)


def first_of(word: bytes, letters: int) -> bytes:
    """How a word is listed that comes first in a pair and is not frequent."""
    return b"*" + word[-letters:].translate(_CLASSES)


def second_of(word: bytes, letters: int) -> bytes:
    return word[:letters].translate(_CLASSES) + b"*"


def listed(
    texts: Iterable[tuple[int, bytes]], frequent: Sequence[bytes], separators: Sequence[bytes]
) -> dict[bytes, list[int]]:
    """The numbers of the texts that each line is listed for, as the numbers ascend."""
    known = _Known(frequent)
    between = {listed_border(separator): separator for separator in separators}
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, text in texts:
        for line in _lines_of(text, known, between):
            found[line].append(number)
    return found


class _Word(NamedTuple):
    """How a word is listed, and whether whole."""

    first: bytes
    second: bytes
    first_by_one: bytes
    second_by_one: bytes
    whole: bool


class _Known(dict[bytes, _Word]):
    """The frequent words, and others as they are asked for."""

    def __init__(self, frequent: Sequence[bytes]) -> None:
        super().__init__((word, _Word(word, word, word, word, True)) for word in frequent)

    def __missing__(self, word: bytes) -> _Word:
        by_two, by_one = LETTERS
        made = _Word(
            *(first_of(word, by_two), second_of(word, by_two)),
            *(first_of(word, by_one), second_of(word, by_one)),
            False,
        )
        self[word] = made
        return made


_NOTHING = _Word(b"", b"", b"", b"", True)


def _lines_of(text: bytes, known: Mapping[bytes, _Word], listed: Mapping[bytes, bytes]) -> set[bytes]:
    out: set[bytes] = set()
    rings: set[tuple[bytes, bytes, bytes]] = set()
    for line in text.split(b"\n"):
        words = [known[word] for word in words_in_order(line)]
        if not words:
            continue
        between = [listed.get(separator, OTHER) for separator in borders_in_order(line)]
        if line[0] in WORD_OCTETS:
            between.insert(0, b"")
        if line[-1] in WORD_OCTETS:
            between.append(b"")
        out.update(
            one.first + separator + other.second
            if separator == SPACE
            else one.first_by_one + separator + other.second_by_one
            for one, separator, other in zip((_NOTHING, *words), between, (*words, _NOTHING))
            if separator
        )
        rings.update(
            (left, word.first, right) for left, word, right in zip(between, words, between[1:]) if word.whole
        )
    usual = {word for left, word, right in rings if left == right == SPACE}
    for left, word, right in rings:
        if word not in usual:
            out.add(RING + word + RING)
        if not left == right == SPACE:
            out.add(RING + left + word + right)
    return out
