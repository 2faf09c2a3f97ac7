"""Sets of messages as masks: one byte a message, 1 or 0, held in one integer.

A mask of a million messages is a megabyte, and AND, OR and NOT of two of them are one operation each of the
interpreter, so a search costs no Python object for each message. Byte 0 is message number 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress

from pillarbox.imap.view import Spans
from pillarbox.model.column import Column

Mask = int

NONE: Mask = 0


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


def of_flag_sets(flag_sets: Column, wanted: Collection[int]) -> Mask:
    """The messages whose flag set is one of `wanted`."""
    if not wanted or not flag_sets:
        return NONE
    octets = flag_sets.tobytes()
    high = octets[1::2]
    if not high.strip(b"\x00"):  # no id beyond 255: one table lookup a message, in C
        table = bytearray(256)
        for flag_set in wanted:
            if flag_set < 256:
                table[flag_set] = 1
        return int.from_bytes(octets[::2].translate(table), "little")
    members = frozenset(wanted)
    return int.from_bytes(bytes(map(members.__contains__, flag_sets)), "little")


def selected(values: Sequence[int], mask: Mask) -> list[int]:
    """The values at the places of the mask."""
    return list(compress(values, mask.to_bytes(len(values), "little")))


def size(mask: Mask) -> int:
    return mask.bit_count()


def spans(mask: Mask, count: int) -> Iterator[tuple[int, int]]:
    """The mask as half-open index ranges, made as they are asked for: there may be half a million."""
    octets = mask.to_bytes(count, "little")
    start = octets.find(1)
    while start >= 0:
        stop = octets.find(0, start)
        if stop < 0:
            stop = count
        yield start, stop
        start = octets.find(1, stop)
