"""Sets of messages of the index: one byte a message, 1 or 0, as `bytearray`s of one length.

Like `model.masks`, but made a mark at a time, as postings are read.
"""

from __future__ import annotations

from collections.abc import Iterable

Marks = bytearray


def none(count: int) -> Marks:
    return bytearray(count)


def every(count: int) -> Marks:
    return bytearray(b"\x01") * count


def add(marks: Marks, numbers: Iterable[int]) -> None:
    for number in numbers:
        marks[number] = 1


def add_all(marks: Marks, others: Marks) -> None:
    marks[:] = either(marks, others)


def of(numbers: Iterable[int], count: int) -> Marks:
    marks = bytearray(count)
    add(marks, numbers)
    return marks


def both(some: Marks, others: Marks) -> Marks:
    return _bytes(_number(some) & _number(others), len(some))


def either(some: Marks, others: Marks) -> Marks:
    return _bytes(_number(some) | _number(others), len(some))


def without(some: Marks, others: Marks) -> Marks:
    return _bytes(_number(some) & ~_number(others), len(some))


def _number(marks: Marks) -> int:
    return int.from_bytes(marks, "little")


def _bytes(number: int, count: int) -> Marks:
    return bytearray(number.to_bytes(count, "little"))
