"""Sets of messages as masks: one byte a message, 1 or 0, held in one integer.

A mask of a million messages is a megabyte, and AND, OR and NOT of two of them are one operation each of the
interpreter, so a search costs no Python object for each message. Byte 0 is message number 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress

from pillarbox.model.column import Column

Mask = int
Spans = list[tuple[int, int]]  # half-open index ranges, ascending and disjoint

NONE: Mask = 0
SHORT = 8  # a stretch of so many is found, and cut out, as soon as they are one by one


def full(count: int) -> Mask:
    return int.from_bytes(b"\x01" * count, "little")


def of_spans(spans: Spans, count: int) -> Mask:
    out = bytearray(count)
    for start, stop in spans:
        out[start:stop] = b"\x01" * (stop - start)
    return int.from_bytes(out, "little")


def of_indices(indices: Iterable[int], count: int) -> Mask:
    out = bytearray(count)
    for index in indices:
        out[index] = 1
    return int.from_bytes(out, "little")


def at_least(values: Iterable[int], least: int) -> Mask:
    """The messages whose value is not below `least`."""
    return int.from_bytes(bytes(map(least.__le__, values)), "little")


def of_flag_sets(flag_sets: Column, wanted: Collection[int]) -> Mask:
    """The messages whose flag set is one of `wanted`."""
    if not wanted or not flag_sets:
        return NONE
    return int.from_bytes(_marked(flag_sets.tobytes(), wanted), "little")


def _marked(octets: bytes, wanted: Collection[int]) -> bytes:
    """1 for each flag set that is one of `wanted`, 0 for the others; `octets` holds two bytes a flag set."""
    if octets[1::2] == bytes(len(octets) // 2):  # no id beyond 255: one table lookup a message, in C
        table = bytearray(256)
        for flag_set in wanted:
            if flag_set < 256:
                table[flag_set] = 1
        return octets[::2].translate(table)
    return bytes(map(frozenset(wanted).__contains__, memoryview(octets).cast("H")))


def first_of(flag_sets: Column, wanted: Collection[int], count: int) -> int:
    """The place of the first message whose flag set is one of `wanted`, -1 if there is none.

    `count` is how many there are, or more. Where few messages have what is looked for they are mostly among
    the first or the last of a mailbox, so it is looked for from both ends.
    """
    if not count or not wanted:
        return -1
    pieces = flag_sets.pieces
    found = -1
    for at, piece in enumerate(pieces):
        if (place := _marked(piece.tobytes(), wanted).find(1)) >= 0:
            return flag_sets.starts[at] + place
        back = len(pieces) - 1 - at
        if back <= at:
            break
        marked = _marked(pieces[back].tobytes(), wanted)
        if here := marked.count(1):
            found = flag_sets.starts[back] + marked.find(1)
            count -= here
            if count <= 0:
                break
    return found


def spans_of_flag_sets(flag_sets: Column, wanted: Collection[int]) -> Spans:
    """Where the messages stand whose flag set is one of `wanted`."""
    out: Spans = []
    for first, piece in zip(flag_sets.starts, flag_sets.pieces):
        for start, stop in _spans(_marked(piece.tobytes(), wanted)):
            if out and out[-1][1] == first + start:
                out[-1] = (out[-1][0], first + stop)
            else:
                out.append((first + start, first + stop))
    return out


def selected(values: Sequence[int], mask: Mask) -> list[int]:
    """The values at the places of the mask."""
    return list(compress(values, mask.to_bytes(len(values), "little")))


def stretches(values: Sequence[int], mask: Mask) -> list[Sequence[int]]:
    """`selected`, in stretches of neighbours where these are long enough to be worth it: then no number is
    looked at."""
    edges = (mask ^ mask << 8).bit_count()
    if edges * SHORT > 2 * mask.bit_count():
        return [selected(values, mask)]
    return [values[start:stop] for start, stop in spans(mask, len(values))]


def size(mask: Mask) -> int:
    return mask.bit_count()


def spans(mask: Mask, count: int) -> Iterator[tuple[int, int]]:
    """The mask as half-open index ranges, made as they are asked for: there may be half a million."""
    return _spans(mask.to_bytes(count, "little"))


def _spans(octets: bytes) -> Iterator[tuple[int, int]]:
    start = octets.find(1)
    while start >= 0:
        stop = octets.find(0, start)
        if stop < 0:
            stop = len(octets)
        yield start, stop
        start = octets.find(1, stop)
