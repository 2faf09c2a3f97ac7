"""Keys about the threads of a mailbox: from messages to all that are in a thread with them."""

from __future__ import annotations

from itertools import compress

from pillarbox.model.masks import Mask
from pillarbox.model.threading import Threads
from pillarbox.store.turns import Turns

PIECE = 16_384  # messages at once: half a millisecond


async def spread(threads: Threads, found: Mask, turns: Turns) -> Mask:
    """The messages of all threads in which something living was found."""
    numbers = threads.thread_of
    marks = found.to_bytes(len(numbers), "little")
    hit = bytearray(threads.count + 1)
    for start in range(0, len(numbers), PIECE):
        stop = start + PIECE
        for number in compress(numbers[start:stop], marks[start:stop]):
            hit[number] = 1
        await turns.take()
    out = []
    for start in range(0, len(numbers), PIECE):
        out.append(bytes(map(hit.__getitem__, numbers[start : start + PIECE])))
        await turns.take()
    return int.from_bytes(b"".join(out), "little")
