"""partial-range (RFC 9394 4): a page of a result, for SEARCH and UID FETCH."""

import re
from dataclasses import dataclass

from pillarbox.imap.wire.limits import NUMBER
from pillarbox.imap.wire.reader import Reader

_RANGE = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True)
class Range:
    """`first:last` as the client wrote it; below zero both count from the end, where -1 is the last."""

    first: int
    last: int

    def places(self, count: int) -> tuple[int, int]:
        """The half-open index range among `count` results, as far as it is there; empty beyond them."""
        low, high = sorted((abs(self.first), abs(self.last)))
        if self.first < 0:
            return max(count - high, 0), max(count - low + 1, 0)
        return min(low - 1, count), min(high, count)


def parse_range(reader: Reader) -> Range:
    """partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number"""
    found = reader.take(_RANGE, "A range like 1:100 or -1:-100")
    first, last = int(found[2]), int(found[4])
    if found[1] != found[3] or max(first, last) > NUMBER:
        reader.fail("A range of which both ends count from the same side")
    return Range(-first, -last) if found[1] else Range(first, last)
