"""What of the messages found is told, and what is saved, by the options of RETURN.

Results come in the order asked for: mailbox order for SEARCH, its own for SORT. Numbers, UIDs and
mod-sequences are aligned with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.imap.view import Spans
from pillarbox.imap.wire.esearch import Esearch, Returning, ReturnOption
from pillarbox.imap.wire.partial import Range
from pillarbox.model.numbers import runs, runs_of

_ENDS = frozenset((ReturnOption.MIN, ReturnOption.MAX, ReturnOption.PARTIAL))


def told(
    tag: bytes,
    numbers: Sequence[int],
    returning: Returning,
    *,
    uid: bool,
    modseq: int | None = None,
    source: tuple[str, int] | None = None,
    relevancy: Sequence[int] | None = None,
) -> Esearch:
    """`relevancy` is aligned with `numbers`, where it is asked for."""
    page = returning.partial
    if relevancy is not None and page is not None:
        relevancy = relevancy[slice(*page.places(len(numbers)))]
    return Esearch(
        tag,
        uid,
        least=numbers[0] if ReturnOption.MIN in returning and numbers else None,
        greatest=numbers[-1] if ReturnOption.MAX in returning and numbers else None,
        all=runs_of(numbers) if ReturnOption.ALL in returning else None,
        count=len(numbers) if ReturnOption.COUNT in returning else None,
        partial=None if page is None else (page, runs_of(numbers[slice(*page.places(len(numbers)))])),
        modseq=modseq,
        source=source,
        relevancy=relevancy,
    )


def returned(count: int, returning: Returning | None) -> Spans:
    """Which of the `count` messages found are returned: all, or with nothing but MIN, MAX and PARTIAL those.

    They are what `$` becomes (RFC 9051 6.4.4.1, table 4; RFC 9394 3.2, table 1), and what MODSEQ is the
    greatest of (RFC 4731 3.2).
    """
    options = returning.options if returning is not None else frozenset()
    ends = options & _ENDS
    if not ends or options & {ReturnOption.ALL, ReturnOption.COUNT} or not count:
        return [(0, count)]
    chosen = []
    if ReturnOption.MIN in ends:
        chosen.append((1, 1))
    if ReturnOption.MAX in ends:
        chosen.append((count, count))
    page: Range | None = returning.partial if returning is not None else None
    if page is not None:
        start, stop = page.places(count)
        if start < stop:
            chosen.append((start + 1, stop))
    return [(low - 1, high) for low, high in runs(tuple(chosen), count)]


def of(values: Sequence[int], spans: Spans) -> list[int]:
    return [value for start, stop in spans for value in values[start:stop]]
