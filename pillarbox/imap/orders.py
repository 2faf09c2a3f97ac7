"""What has been worked out about mailboxes, and what of it still holds when messages have come and gone."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from pillarbox.model.column import Column, cut, starts_of
from pillarbox.model.masks import Mask
from pillarbox.store.turns import Turns

KEPT = 4_000_000  # places of all orders together: 16 MB
PIECE = 4096  # places moved at once
MOVED = 16_384  # messages in the pieces of a column that have changed; beyond, all is worked out again
FEW = 32  # new messages that are put in one by one


@dataclass(frozen=True, slots=True)
class Kept:
    uids: Column
    found: Mask | None
    size: int
    what: Any
    made: str = ""  # of what (`store.order_files`); "" where no file is worth it
    unsaved: int = 0  # messages that have come or gone since it was last written


class Orders:
    """Things that hold as long as `uids` is the same object (and `found`, where they depend on that). Of all
    sessions of a listener."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Kept] = {}  # least recently used first
        self._size = 0

    def get(self, key: Hashable, uids: Column, found: Mask | None = None) -> Any:
        kept = self._kept.get(key)
        if kept is None or kept.uids is not uids or kept.found != found:
            return None
        self._kept[key] = self._kept.pop(key)
        return kept.what

    def outdated(self, key: Hashable) -> Kept | None:
        """What held for other messages."""
        return self._kept.get(key)

    def keep(
        self,
        key: Hashable,
        uids: Column,
        what: Any,
        size: int,
        found: Mask | None = None,
        *,
        made: str = "",
        unsaved: int = 0,
    ) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._size -= old.size
        self._kept[key] = Kept(uids, found, size, what, made, unsaved)
        self._size += size
        while self._size > KEPT and len(self._kept) > 1:
            self._size -= self._kept.pop(next(iter(self._kept))).size


def sharing(uids: array[int], like: Column) -> Column:
    """`uids` as a column that has the pieces of `like` where it is the same at the beginning and at the end,
    or all of it."""
    front: list[array[int]] = []
    start, stop = 0, len(uids)
    for piece in like.pieces:
        if uids[start : start + len(piece)] != piece:
            break
        front.append(piece)
        start += len(piece)
    if start == stop and len(front) == len(like.pieces):
        return like
    back: list[array[int]] = []
    for piece in reversed(like.pieces[len(front) :]):
        if stop - len(piece) < start or uids[stop - len(piece) : stop] != piece:
            break
        back.append(piece)
        stop -= len(piece)
    pieces = (*front, *(cut(uids[start:stop])), *reversed(back))
    return Column(like.typecode, pieces, starts_of(pieces))


async def carried_over(old: Column, order: array[int], new: Column, turns: Turns) -> array[int] | None:
    """The order of the messages of `old` that are in `new`, by their places there; the others of `new` are
    its last ones. None where that is not so, or not worth it."""
    gone = _gone(old, new)
    if gone is None:
        return None
    if not gone:
        return order[:]
    out = array("I")
    lost = frozenset(gone)
    for start in range(0, len(order), PIECE):
        out.extend(
            [place - bisect_left(gone, place) for place in order[start : start + PIECE] if place not in lost]
        )
        await turns.take()
    return out


def _gone(old: Column, new: Column) -> list[int] | None:
    """The places in `old` of messages that `new` has no more."""
    start = 0
    for piece, other in zip(old.pieces, new.pieces):
        if piece is not other:
            break
        start += len(piece)
    stop, end = len(old), len(new)
    for piece, other in zip(reversed(old.pieces), reversed(new.pieces)):
        if piece is not other or stop <= start or end <= start:
            break
        stop -= len(piece)
        end -= len(piece)
    if max(stop, end) - start > MOVED:
        return None
    some, others = old[start:stop], new[start:end]
    added = set(others).difference(some)
    # RFC 9051 2.3.1.1: what is new has a greater UID than all there were; a view that still shows what others
    # have not seen for long is the exception.
    if len(added) > FEW or (added and (end < len(new) or (some and min(added) < some[-1]))):
        return None
    kept = set(others)
    return [place for place, uid in enumerate(some, start) if uid not in kept]
