"""Which words are frequent, and so listed whole in pairs (`pairs`), and in which messages they were that.

That differs between batches of messages, and a segment keeps for each of its messages which were whole
(`Kind.PAIRED`): as stretches of messages, two numbers each, from the first and up to the one after the last.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pillarbox.store.index.listing import Listed, pack
from pillarbox.store.index.vocabulary import Vocabulary

MANY = 16  # a word is frequent that is in a sixteenth of the messages: what is in fewer narrows enough
MOST = 600  # frequent words
ENOUGH = 512  # messages that tell which words are frequent


def frequent(words: Vocabulary, messages: int) -> list[bytes]:
    """Of the words of so many messages."""
    return words.in_at_least(-(-messages // MANY))[:MOST]


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


def stretches_of(listed: Listed) -> Iterator[tuple[bytes, Sequence[int]]]:
    numbers = array("H")
    numbers.frombytes(listed[2])
    for word, (start, size) in Vocabulary.of(listed).slices():
        yield word, numbers[start : start + size]


def usual(stretches: Mapping[bytes, Sequence[int]]) -> list[bytes]:
    """The words that are paired in most messages of a segment."""
    covered = {word: sum(ends[1::2]) - sum(ends[::2]) for word, ends in stretches.items()}
    return sorted(covered, key=lambda word: (-covered[word], word))[:MOST]
