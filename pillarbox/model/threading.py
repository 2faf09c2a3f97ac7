"""How messages are put into threads, by whatever protocol, and what came of it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import Enum

from pillarbox.model.masks import Mask


class Algorithm(Enum):
    ORDEREDSUBJECT = "ORDEREDSUBJECT"  # RFC 5256 3
    REFERENCES = "REFERENCES"  # RFC 5256 3
    REFS = "REFS"  # draft-ietf-morg-inthread 4


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of the messages of a mailbox. `thread_of` has the number of each one's thread, from 1 to
    `count`, in mailbox order; 0 is for one that is in none because it has been expunged. Among the others
    `roots` have no parent and `leaves` no children."""

    thread_of: array[int]
    count: int
    roots: Mask
    leaves: Mask
