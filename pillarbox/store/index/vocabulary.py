"""A vocabulary: the different runs of one field in one segment, and for each the messages it occurs in.

The runs stand one a line in one text, those of most messages first, and alphabetically where they occur in
equally many. So one substring search over that text finds the runs a needle is in, a frequent one soon,
and where the postings of a run lie follows from its number: all runs of one frequency stand together.

    words     "\\n" run "\\n" run ... "\\n"
    counts    "\\n"s before each `BLOCK` of `words`, so that a place in it is soon a run's number
    steps     (first run's number, messages of each, place of its first posting) for each frequency
    postings  numbers of messages in the segment, ascending for each run, two octets each (the lower first)

Postings are kept apart and read where they are needed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pillarbox.store.index.listing import STEP, Listed
from pillarbox.store.index.runs import Stand

BLOCK = 1024  # octets of `words` whose line ends are counted together: half a microsecond
TOGETHER = 4096  # postings looked at at once, where all are
MAX_MESSAGES = 1 << 15  # of a segment; two octets a posting

_PATTERNS = {
    Stand.INSIDE: b"%b",
    Stand.WHOLE: b"\n%b\n",
    Stand.BEGINS: b"\n%b",
    Stand.ENDS: b"%b\n",
}


class Slice(NamedTuple):
    """`size` postings from `start` on."""

    start: int
    size: int


class Vocabulary:
    """The part of it that is held in memory to be searched."""

    __slots__ = ("_bases", "_counts", "_firsts", "_sizes", "octets", "words")

    def __init__(self, words: bytes, counts: bytes, steps: bytes) -> None:
        self.words = words
        self._counts = array("I")
        self._counts.frombytes(counts)
        rows = list(STEP.iter_unpack(steps))
        self._firsts = array("I", [row[0] for row in rows])
        self._sizes = array("I", [row[1] for row in rows])
        self._bases = array("I", [row[2] for row in rows])
        self.octets = len(words) + len(counts) + len(steps)

    @classmethod
    def of(cls, listed: Listed) -> Vocabulary:
        words, counts, steps, _ = packed(listed)
        return cls(words, counts, steps)

    def find(self, run: bytes, stand: Stand) -> Iterator[Slice]:
        """The postings of each run in which this one stands so, the most frequent first."""
        words, number, slice_of = self.words, self._number, self.slice_of
        pattern = _PATTERNS[stand] % run
        once = stand is Stand.WHOLE
        at = words.find(pattern)
        while at >= 0:
            # A pattern that begins with a line end belongs to the run after it.
            yield slice_of(number(at + 1 if pattern[0] == 0x0A else at))
            if once:
                return
            # Once a run, however often it stands in there.
            at = words.find(pattern, words.find(b"\n", at + 1))

    def find_named(self, run: bytes, stand: Stand) -> Iterator[tuple[bytes, Slice]]:
        """As `find`, with each run."""
        words = self.words
        pattern = _PATTERNS[stand] % run
        at = words.find(pattern)
        while at >= 0:
            inside = at + 1 if pattern[0] == 0x0A else at
            stop = words.find(b"\n", inside)
            yield words[words.rfind(b"\n", 0, inside) + 1 : stop], self.slice_of(self._number(inside))
            at = words.find(pattern, stop)

    def find_after(self, start: bytes, run: bytes) -> Iterator[Slice]:
        """The postings of each line that begins with `start` and has the run after that."""
        words = self.words
        pattern = b"\n" + start
        at = words.find(pattern)
        while at >= 0:
            stop = words.find(b"\n", at + len(pattern))
            if words.find(run, at + len(pattern), stop) >= 0:
                yield self.slice_of(self._number(at + 1))
            at = words.find(pattern, stop)

    def sizes(self) -> Iterator[tuple[list[bytes], Slice]]:
        """Everything in it, those together that occur equally often: their postings follow each other."""
        listed = self.words[1:-1].split(b"\n")
        stops = [*self._firsts[1:], len(listed)]
        for first, stop, size, base in zip(self._firsts, stops, self._sizes, self._bases):
            step = max(1, TOGETHER // size)
            for start in range(first, stop, step):
                some = listed[start : min(start + step, stop)]
                yield some, Slice(base + (start - first) * size, len(some) * size)

    def count(self, run: bytes, stand: Stand) -> int:
        """About how many `find` would find: never fewer, but for runs that overlap themselves."""
        return self.words.count(_PATTERNS[stand] % run)

    def slice_of(self, number: int) -> Slice:
        step = bisect_right(self._firsts, number) - 1
        size = self._sizes[step]
        return Slice(self._bases[step] + (number - self._firsts[step]) * size, size)

    def _number(self, at: int) -> int:
        """Of the run that the octet at `at` belongs to."""
        block = at // BLOCK
        return self._counts[block] + self.words.count(b"\n", block * BLOCK, at) - 1

    def slices(self) -> Iterator[tuple[bytes, Slice]]:
        """Everything in it, in order."""
        listed = self.words[1:-1].split(b"\n")
        stops = [*self._firsts[1:], len(listed)]
        for first, stop, size, base in zip(self._firsts, stops, self._sizes, self._bases):
            for number in range(first, stop):
                yield listed[number], Slice(base + (number - first) * size, size)

    def in_at_least(self, messages: int) -> list[bytes]:
        """The runs that are in so many messages or more, in order."""
        few = next((at for at, size in enumerate(self._sizes) if size < messages), len(self._sizes))
        if few < len(self._sizes):
            return self.words[1:].split(b"\n", self._firsts[few])[:-1]
        return self.words[1:-1].split(b"\n")

    def near(self, starts: Sequence[bytes], ends: Sequence[bytes], most: int) -> list[tuple[bytes, Slice]]:
        """Runs that begin or end with one of these, for who looks for runs similar to another: the most
        frequent ones, at most `most` for each."""
        out: dict[bytes, Slice] = {}
        for given, stand in ((starts, Stand.BEGINS), (ends, Stand.ENDS)):
            for run in given:
                for found in self._numbers(run, stand, most):
                    out[self._run(found)] = self.slice_of(self._number(found))
        return list(out.items())

    def _numbers(self, run: bytes, stand: Stand, most: int) -> Iterator[int]:
        """A place inside of each run that `find` would find."""
        pattern = _PATTERNS[stand] % run
        at = self.words.find(pattern)
        while at >= 0 and most > 0:
            yield at + 1 if pattern[0] == 0x0A else at
            most -= 1
            at = self.words.find(pattern, self.words.find(b"\n", at + 1))

    def _run(self, at: int) -> bytes:
        start = self.words.rfind(b"\n", 0, at) + 1
        return self.words[start : self.words.find(b"\n", at)]


class Packed(NamedTuple):
    """A vocabulary as octets, to be kept."""

    words: bytes
    counts: bytes
    steps: bytes
    postings: bytes


def packed(listed: Listed) -> Packed:
    words, steps, postings = listed
    counts = array("I", [0])
    for start in range(0, len(words) - BLOCK, BLOCK):
        counts.append(counts[-1] + words.count(b"\n", start, start + BLOCK))
    return Packed(words, counts.tobytes(), steps, postings)


def postings_of(words: bytes, steps: bytes) -> int:
    """How many belong to these words."""
    first, size, base = STEP.unpack(steps[-STEP.size :])
    return int(base + (words.count(b"\n") - 1 - first) * size)


def apart(postings: bytes) -> bytes:
    """As they compress well: first the low octets of all numbers, then the high ones, which ascend slowly."""
    return postings[::2] + postings[1::2]


def together(octets: bytes) -> bytes:
    """Postings again."""
    out = bytearray(len(octets))
    half = len(octets) // 2
    out[::2] = octets[:half]
    out[1::2] = octets[half:]
    return bytes(out)
