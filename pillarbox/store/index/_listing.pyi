"""The compiled twin of `listing.py`, which says what these functions are."""

from collections.abc import Iterable, Sequence

from pillarbox.store.index.listing import Listed, Long

def runs(
    texts: Iterable[tuple[int, bytes]], /
) -> tuple[tuple[Listed | None, Long], tuple[Listed | None, Long]]: ...
def lines(texts: Iterable[tuple[int, bytes]], /) -> Listed | None: ...
def pairs(
    texts: Iterable[tuple[int, bytes]], frequent: Sequence[bytes], separators: Sequence[bytes], /
) -> Listed | None: ...
def join(parts: list[tuple[bytes, bytes, bytes, int]], /) -> Listed | None: ...
