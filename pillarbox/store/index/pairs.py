"""Pairs of frequent words, listed where one space is between them.

The words of a phrase like "from the mailing list" are all in so many messages that they narrow nothing, and
most messages would have to be looked into. So what stands side by side is listed too, for words that
are in many of the messages that are indexed together: `frequent` ones. Which these are differs between
such batches, and a segment keeps for each of its messages which were (`Kind.PAIRED`): as stretches of
messages, two numbers each, from the first and up to the one after the last.

Of a word that is not paired somewhere nothing is known from pairs there.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

from pillarbox.store.index.runs import WORD_OCTETS
from pillarbox.store.index.vocabulary import Packed, Vocabulary, pack

MANY = 4  # a word is frequent that is in a quarter of the messages: what is in fewer narrows enough
MOST = 255  # frequent words; one octet tells them apart
ENOUGH = 512  # messages that tell which words are frequent

# Words and spaces as they are; what else is between words is a mark, which stands alone.
_MARK = b"\x01"
_MARKED = bytes(code if code in WORD_OCTETS or code == 0x20 else 1 for code in range(256))
_MARK_ALONE = b" \x01 "
_SIDE_BY_SIDE = re.compile(rb"(?=([^\0]{2}))").findall  # codes of frequent words


def frequent(counted: Iterable[tuple[bytes, int]], messages: int) -> list[bytes]:
    """Of words with the number of messages they are in."""
    some = [(count, word) for word, count in counted if count * MANY >= messages]
    return [word for _, word in sorted(some, reverse=True)[:MOST]]


def listed(texts: Sequence[bytes], words: Sequence[bytes]) -> dict[bytes, list[int]]:
    """The numbers of the texts in which two of these words are side by side, by "WORD WORD"."""
    code_of = {word: code for code, word in enumerate(words[:MOST], start=1)}
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        cut = text.translate(_MARKED).replace(_MARK, _MARK_ALONE).split(b" ")
        codes = bytes(map(code_of.get, cut, repeat(0)))
        for pair in set(_SIDE_BY_SIDE(codes)):
            found[pair].append(number)
    return {b"%b %b" % (words[one - 1], words[other - 1]): some for (one, other), some in found.items()}


def everywhere(words: Iterable[bytes], messages: int) -> dict[bytes, list[int]]:
    """`Kind.PAIRED` of messages in which all these words are paired."""
    return {word: [0, messages] for word in words}


def join(parts: Sequence[tuple[Vocabulary, bytes, int]]) -> Packed:
    """`Kind.PAIRED` of segments that follow each other, as `vocabulary.join`: where a stretch begins as
    another ends, they are one."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for vocabulary, postings, more in parts:
        for word, stretches in stretches_of(vocabulary, postings):
            before = found[word]
            for number in stretches:
                if before and len(before) % 2 == 0 and before[-1] == number + more:
                    before.pop()
                else:
                    before.append(number + more)
    return pack(found)


def stretches_of(vocabulary: Vocabulary, postings: bytes) -> Iterator[tuple[bytes, Sequence[int]]]:
    numbers = array("H")
    numbers.frombytes(postings)
    for word, (start, size) in vocabulary.slices():
        yield word, numbers[start : start + size]


def usual(stretches: Mapping[bytes, Sequence[int]]) -> list[bytes]:
    """The words that are paired in most messages of a segment."""
    covered = {word: sum(ends[1::2]) - sum(ends[::2]) for word, ends in stretches.items()}
    return sorted(covered, key=lambda word: (-covered[word], word))[:MOST]
