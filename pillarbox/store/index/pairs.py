"""Pairs of words, listed where one space is between them.

The words of a phrase like "from the mailing list" are all in so many messages that they narrow nothing, and
most messages would have to be looked into. So what stands side by side in a body is listed too. A word
that is in many of the messages that are indexed together, a `frequent` one, is listed whole; of another
one no more than its last octet where it comes first, or its first octet where it comes second, with an
asterisk for the rest: "OF THE", "OF T*", "*F THE", "*F T*". All pairs are listed, so whatever such a line
decides needs no look into a text, and there are few different lines.

Which words are frequent differs between batches, and a segment keeps for each of its messages which were
(`Kind.PAIRED`): as stretches of messages, two numbers each, from the first and up to the one after the last.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from operator import itemgetter

from pillarbox.store.index.listing import Listed, pack
from pillarbox.store.index.runs import WORD_OCTETS
from pillarbox.store.index.vocabulary import Vocabulary

MANY = 8  # a word is frequent that is in an eighth of the messages: what is in fewer narrows enough
ENOUGH = 512  # messages that tell which words are frequent
TABLE = 1024  # messages that are worth a table of all pairs of codes

_ASCII = bytes(code for code in WORD_OCTETS if code < 0x80)
_BEYOND = 15  # classes of the octets beyond ASCII
_CLASSES = [*(bytes([code]) for code in _ASCII), *(bytes([0x10 + number]) for number in range(_BEYOND))]
MOST = 255 - len(_CLASSES)  # frequent words; one octet tells them and these classes apart, 0 is no word

# Words and spaces as they are; what else is between words is a mark, which stands alone.
_MARK = b"\x01"
_MARKED = bytes(code if code in WORD_OCTETS or code == 0x20 else 1 for code in range(256))
_MARK_ALONE = b" \x01 "
_first, _last = itemgetter(0), itemgetter(-1)


def _class_of(code: int) -> bytes:
    """What is listed of a word for its first or last octet. Those beyond ASCII tell little alone, so some
    of them are listed alike, as a character that is in no word."""
    return bytes([code if code < 0x80 else 0x10 + code % _BEYOND])


_CODES = bytes(
    MOST + 1 + _CLASSES.index(_class_of(code)) if code in WORD_OCTETS else 0 for code in range(256)
)
_WHERE_NONE = b"\xff" + bytes(255)
_WHERE_SOME = b"\0" + b"\x01" * 255


def first_of(word: bytes) -> bytes:
    """How a word is listed that comes first in a pair and is not frequent."""
    return b"*" + _class_of(word[-1])


def second_of(word: bytes) -> bytes:
    return _class_of(word[0]) + b"*"


def frequent(words: Vocabulary, messages: int) -> list[bytes]:
    """Of the words of so many messages."""
    return words.in_at_least(-(-messages // MANY))[:MOST]


def listed(texts: Sequence[bytes], frequent: Sequence[bytes]) -> dict[bytes, list[int]]:
    """The numbers of the texts in which two words are side by side, by "FIRST SECOND"."""
    words = frequent[:MOST]
    found: dict[int, list[int]] | list[list[int]] = defaultdict(list)
    if len(texts) >= TABLE:
        found = [[] for _ in range(1 << 16)]
    code_of = {word: code for code, word in enumerate(words, start=1)}
    for number, text in enumerate(texts):
        for pair in _pairs(text, code_of):
            found[pair].append(number)
    blank = [b""] * (MOST - len(words))
    firsts = [b"", *words, *blank, *map(first_of, _CLASSES)]
    seconds = [b"", *words, *blank, *map(second_of, _CLASSES)]
    out = {}
    for pair, numbers in found.items() if isinstance(found, dict) else enumerate(found):
        if numbers:
            first, second = pair.to_bytes(2, sys.byteorder)
            out[b"%b %b" % (firsts[first], seconds[second])] = numbers
    return out


def _pairs(text: bytes, code_of: Mapping[bytes, int]) -> set[int]:
    """The codes of a pair as its two octets. All words of a text are dealt with at once, as the octets of
    large numbers: done one by one this took three times as long."""
    if b"  " in text:
        text = text.replace(b"  ", b" \x01 ")
    cut = text.translate(_MARKED).replace(_MARK, _MARK_ALONE).split()
    size = len(cut)
    codes = bytes(map(code_of.get, cut, repeat(0)))
    whole, others = _number(codes), _number(codes.translate(_WHERE_NONE))
    first = whole | others & _number(bytes(map(_last, cut)).translate(_CODES))
    second = (whole | others & _number(bytes(map(_first, cut)).translate(_CODES))) >> 8
    both = bytearray(2 * size)
    both[::2] = firsts = first.to_bytes(size, "little")
    both[1::2] = seconds = second.to_bytes(size, "little")
    words = _number(firsts.translate(_WHERE_SOME)) & _number(seconds.translate(_WHERE_SOME))
    return set(compress(array("H", bytes(both)), words.to_bytes(size, "little")))


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def everywhere(words: Iterable[bytes], messages: int) -> dict[bytes, list[int]]:
    """`Kind.PAIRED` of messages in which all these words are paired."""
    return {word: [0, messages] for word in words}


def join(parts: Sequence[tuple[bytes, bytes, bytes, int]]) -> Listed | None:
    """`Kind.PAIRED` of segments that follow each other, as `listing.join`: where a stretch begins as
    another ends, they are one."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for words, steps, postings, more in parts:
        for word, stretches in stretches_of((words, steps, postings)):
            before = found[word]
            for number in stretches:
                if before and len(before) % 2 == 0 and before[-1] == number + more:
                    before.pop()
                else:
                    before.append(number + more)
    return pack(found)


def stretches_of(paired: Listed) -> Iterator[tuple[bytes, Sequence[int]]]:
    numbers = array("H")
    numbers.frombytes(paired[2])
    for word, (start, size) in Vocabulary.of(paired).slices():
        yield word, numbers[start : start + size]


def usual(stretches: Mapping[bytes, Sequence[int]]) -> list[bytes]:
    """The words that are paired in most messages of a segment."""
    covered = {word: sum(ends[1::2]) - sum(ends[::2]) for word, ends in stretches.items()}
    return sorted(covered, key=lambda word: (-covered[word], word))[:MOST]
