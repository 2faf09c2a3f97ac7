"""Listing: which runs are in which messages, and lists made one of several.

This is the reference. `compiled/` has the same functions in C: they take a fraction of the time and make
the same octets, to which tests hold them. `segment` takes those where the package was built with a
compiler, else these. They take and give plain tuples and octets, so neither has to know of the other.

Messages have numbers, which ascend in what is iterated over. What is given back is a vocabulary's words,
steps and postings (`vocabulary` says what they are), or None where nothing is listed.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from pillarbox.store.index.pairs import listed
from pillarbox.store.index.runs import LONG, borders, words

Listed = tuple[bytes, bytes, bytes]
Long = list[tuple[int, bytes]]  # the message that a run is in which is too long to be listed whole

STEP = struct.Struct("<III")


def runs(texts: Iterable[tuple[int, bytes]]) -> tuple[tuple[Listed | None, Long], tuple[Listed | None, Long]]:
    """The words of texts, and what separates them."""
    some = list(texts)
    return (
        _whole_and_long((number, words(text)) for number, text in some),
        _whole_and_long((number, borders(text)) for number, text in some),
    )


def _whole_and_long(cut: Iterable[tuple[int, Iterable[bytes]]]) -> tuple[Listed | None, Long]:
    found = _found(cut)
    long = [(number, run) for run in found if len(run) > LONG for number in found[run]]
    for run in {run for _, run in long}:
        del found[run]
    return pack(found), long


def lines(texts: Iterable[tuple[int, bytes]]) -> Listed | None:
    """The lines of texts that are not empty."""
    return pack(_found((number, {*text.split(b"\n")} - {b""}) for number, text in texts))


def pairs(
    texts: Iterable[tuple[int, bytes]], frequent: Sequence[bytes], separators: Sequence[bytes]
) -> Listed | None:
    """Words and what stands between them. `frequent` words are listed whole, other separators than these
    are listed as one."""
    return pack(listed(texts, frequent, separators))


def _found(cut: Iterable[tuple[int, Iterable[bytes]]]) -> dict[bytes, list[int]]:
    """The numbers of the messages that each run is in."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, some in cut:
        for run in some:
            found[run].append(number)
    return found


def pack(found: Mapping[bytes, Sequence[int]]) -> Listed | None:
    """From the messages of each run, which ascend."""
    if not found:
        return None
    order, steps = _ordered(zip(found, map(len, found.values())))
    numbers = chain.from_iterable(map(found.__getitem__, order))
    # `array` looks at each number for twice as long.
    postings = struct.pack(f"<{sum(map(len, found.values()))}H", *numbers)
    return _one_a_line(order), steps, postings


def join(parts: Sequence[tuple[bytes, bytes, bytes, int]]) -> Listed | None:
    """One list of several: each with what its messages' numbers grow by."""
    found: dict[bytes, bytes] = {}
    for some, steps, postings, more in parts:
        for run, piece in _pieces(some, steps, shifted(postings, more)):
            before = found.get(run)
            found[run] = piece if before is None else before + piece
    if not found:
        return None
    order, steps = _ordered((run, len(piece) // 2) for run, piece in found.items())
    return _one_a_line(order), steps, b"".join(map(found.__getitem__, order))


def _pieces(some: bytes, steps: bytes, postings: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Everything that is listed, in order, each with its own postings as they are."""
    each = some[1:-1].split(b"\n")
    return zip(each, chain.from_iterable(chain.from_iterable(_cut(steps, postings, len(each)))))


def _cut(steps: bytes, postings: bytes, count: int) -> Iterator[Iterator[tuple[bytes]]]:
    rows = list(STEP.iter_unpack(steps))
    for (first, size, base), stop in zip(rows, [*(row[0] for row in rows[1:]), count]):
        # No slice, tuple or step of the interpreter to find where a run's postings lie.
        yield struct.iter_unpack(f"{2 * size}s", postings[2 * base : 2 * (base + (stop - first) * size)])


def shifted(postings: bytes, more: int) -> bytes:
    """Every number `more` greater. As one addition: no number has a carry into the next."""
    if not more or not postings:
        return postings
    count = len(postings) // 2
    added = int.from_bytes(more.to_bytes(2, "little") * count, "little")
    return (int.from_bytes(postings, "little") + added).to_bytes(len(postings), "little")


def _ordered(sizes: Iterable[tuple[bytes, int]]) -> tuple[list[bytes], bytes]:
    """The runs in their order, and the steps between frequencies."""
    by_size: defaultdict[int, list[bytes]] = defaultdict(list)
    for run, size in sizes:
        by_size[size].append(run)
    order: list[bytes] = []
    steps = bytearray()
    base = 0
    for size in sorted(by_size, reverse=True):
        some = sorted(by_size[size])
        steps += STEP.pack(len(order), size, base)
        base += size * len(some)
        order += some
    return order, bytes(steps)


def _one_a_line(order: list[bytes]) -> bytes:
    return b"\n".join((b"", *order, b""))
