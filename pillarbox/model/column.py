"""Numbers of a mailbox's messages, one a message, as arrays in pieces.

A `Column` never changes, and neither does any of its pieces, so everybody may hold on to it: sessions of
one mailbox hold the same column, and a column that differs from another in a few places is made of the
same pieces but for those. That is why a change costs the same in a mailbox of a million messages and in one
of a thousand.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import overload

from pillarbox.model.numbers import Runs

PIECE = 4096  # numbers: a copy costs some microseconds, and a million are 244 pieces

Pieces = tuple["array[int]", ...]

_first = itemgetter(0)


class Column(Sequence[int]):
    """`pieces` are not empty, and `starts` says where each begins, and at its end how many numbers there are;
    columns of one mailbox share it. A slice is an array of its own."""

    __slots__ = ("pieces", "starts", "typecode")

    def __init__(self, typecode: str, pieces: Pieces, starts: list[int]) -> None:
        self.typecode = typecode
        self.pieces = pieces
        self.starts = starts

    def __len__(self) -> int:
        return self.starts[-1]

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> array[int]: ...

    def __getitem__(self, index: int | slice) -> int | array[int]:
        starts = self.starts
        if isinstance(index, slice):
            start, stop, step = index.indices(starts[-1])
            assert step == 1
            return self._between(start, stop)
        if index < 0:
            index += starts[-1]
        if not 0 <= index < starts[-1]:
            raise IndexError("beyond the column")
        at = bisect_right(starts, index) - 1
        return self.pieces[at][index - starts[at]]

    def _between(self, start: int, stop: int) -> array[int]:
        out = array(self.typecode)
        if start < stop:
            first = bisect_right(self.starts, start) - 1
            last = bisect_left(self.starts, stop) - 1
            out = self.pieces[first][start - self.starts[first] : stop - self.starts[first]]
            for piece in self.pieces[first + 1 : last]:
                out += piece
            if first < last:
                out += self.pieces[last][: stop - self.starts[last]]
        return out

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.pieces)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column):
            return NotImplemented
        return self.typecode == other.typecode and self.tobytes() == other.tobytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Column({self.typecode!r}, {list(self)!r})"

    def tobytes(self) -> bytes:
        return b"".join(self.pieces)

    def but(self, index: int, number: int) -> Column:
        """The same with another number in one place, which there is."""
        at = bisect_right(self.starts, index) - 1
        piece = self.pieces[at][:]
        piece[index - self.starts[at]] = number
        return Column(self.typecode, (*self.pieces[:at], piece, *self.pieces[at + 1 :]), self.starts)

    # Where numbers ascend, as UIDs do.

    def place(self, number: int) -> int:
        """The index of the first number that is not less."""
        at = self.piece_of(number)
        return self.starts[at] + bisect_left(self.pieces[at], number) if at >= 0 else 0

    def piece_of(self, number: int) -> int:
        """The number of the last piece that begins with it or below; -1 when none does."""
        return bisect_right(self.pieces, number, key=_first) - 1

    def slices(self, sorted_runs: Runs) -> list[tuple[int, int]]:
        """Where the numbers named by `sorted_runs` stand: half-open index pairs.

        Stops at the last number present, so a million written ranges beyond it cost nothing.
        """
        out: list[tuple[int, int]] = []
        for low, high in sorted_runs:
            start = self.place(low)
            if start == self.starts[-1]:
                break
            stop = self.place(high + 1)
            if start < stop:
                if out and out[-1][1] == start:
                    out[-1] = (out[-1][0], stop)
                else:
                    out.append((start, stop))
        return out

    def by_piece(self, spans: list[tuple[int, int]]) -> dict[int, list[tuple[int, int]]]:
        """Ascending index pairs by the piece they fall into, counted from its beginning."""
        out: dict[int, list[tuple[int, int]]] = {}
        starts = self.starts
        for start, stop in spans:
            at = bisect_right(starts, start) - 1
            while start < stop:
                end = min(stop, starts[at + 1])
                out.setdefault(at, []).append((start - starts[at], end - starts[at]))
                start = end
                at += 1
        return out


def cut(numbers: array[int]) -> list[array[int]]:
    """An array as pieces."""
    if 0 < len(numbers) <= PIECE:
        return [numbers]
    return [numbers[start : start + PIECE] for start in range(0, len(numbers), PIECE)]


def distinct(numbers: array[int]) -> set[int]:
    """The values in an array. Flags of neighbours are mostly alike, which is seen without a look at each."""
    if not numbers:
        return set()
    octets = numbers.tobytes()
    if octets == octets[: numbers.itemsize] * len(numbers):
        return {numbers[0]}
    return set(numbers)


def starts_of(pieces: Sequence[array[int]]) -> list[int]:
    return list(accumulate(map(len, pieces), initial=0))
