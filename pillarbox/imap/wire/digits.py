"""Numbers as SEARCH and SORT answer them: most of the octets there, and the same ones again and again."""

from collections.abc import Sequence

KNOWN = 16_384  # numbers whose octets are remembered: half a megabyte, once there was such an answer
_STEP = 1024
_FEW = 16

_known: list[bytes] = []


def spaced(numbers: Sequence[int]) -> bytes:
    """Each after a space; none is below zero."""
    if len(numbers) > _FEW:
        try:
            return b"".join(map(_known.__getitem__, numbers))
        except IndexError:
            greatest = max(numbers)
            if greatest < KNOWN:
                up_to = greatest // _STEP * _STEP + _STEP
                _known.extend([b" %d" % number for number in range(len(_known), up_to)])
                return b"".join(map(_known.__getitem__, numbers))
    return f" {' '.join(map(str, numbers))}".encode("ascii") if numbers else b""
