"""Keys that are decided by columns of the database: dates, sizes, ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pillarbox.message.attached import is_attached
from pillarbox.model import masks, search
from pillarbox.model.masks import Mask, Spans
from pillarbox.store import emails
from pillarbox.store.query.scope import Scope
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store

ROWS = 1000  # read at once: a millisecond or two
SPANS = 100  # separate stretches of messages in one read

Test = Callable[[Sequence[Any]], bool]

_DAY_COLUMNS = {
    "internal": ("internal_at", "internal_tz"),
    "sent": ("sent_day",),
    "saved": ("saved_at",),
}
_INSTANT_COLUMNS = {"internal": ("internal_at",), "sent": ("sent_at",), "saved": ("saved_at",)}


async def matching(
    store: Store, scope: Scope, turns: Turns, columns: tuple[str, ...], test: Test, candidates: Mask
) -> Mask:
    """The candidates whose row (uid, *columns) passes."""
    found: list[int] = []
    scope.told(len(scope.uids) - masks.size(candidates))
    async for places, rows in read(store, scope, turns, ("uid", *columns), candidates):
        found += [places[row[0]] for row in rows if row[0] in places and test(row)]
        scope.told(len(places))
    return masks.of_indices(found, len(scope.uids)) & candidates


async def read(
    store: Store, scope: Scope, turns: Turns, columns: tuple[str, ...], candidates: Mask, size: int = ROWS
) -> AsyncIterator[tuple[dict[int, int], list[tuple[Any, ...]]]]:
    """Rows of the candidates, at most `size` at a time, with the place of each of their UIDs."""
    uids = scope.uids
    for spans in _batches(masks.spans(candidates, len(uids)), size):
        places: dict[int, int] = {}
        for start, stop in spans:
            places.update(zip(uids[start:stop], range(start, stop)))
        runs = tuple((uids[start], uids[stop - 1]) for start, stop in spans)
        yield (
            places,
            await store.read(scope.account, emails.rows_of, scope.actor, scope.mailbox, runs, columns),
        )
        await turns.take()


def _batches(spans: Iterable[tuple[int, int]], size: int) -> Iterator[Spans]:
    """The same places in portions of at most `size`."""
    batch: Spans = []
    room = size
    for start, stop in spans:
        while start < stop:
            end = min(stop, start + room)
            batch.append((start, end))
            room -= end - start
            start = end
            if not room or len(batch) == SPANS:
                yield batch
                batch, room = [], size
    if batch:
        yield batch


def deciding(key: search.Key) -> tuple[tuple[str, ...], Test] | None:
    """The columns that decide a key, and how; None when none do."""
    match key:
        case search.Size(octets=octets, larger=True):
            return ("size",), lambda row: row[1] > octets
        case search.Size(octets=octets):
            return ("size",), lambda row: row[1] < octets
        case search.EmailId(email=email):
            return ("email",), lambda row: row[1] == email
        case search.ThreadId(thread=thread):
            return ("thread",), lambda row: row[1] == thread
        case search.MessageId(message_id=message_id):
            return ("message_id",), lambda row: row[1] == message_id
        case search.Day():
            return _DAY_COLUMNS[key.of], _on_day(key)
        case search.Instant():
            return _INSTANT_COLUMNS[key.of], _at_instant(key)
        case search.Attached():
            return ("structure",), lambda row: row[1] is not None and is_attached(row[1])
    return None


def _at_instant(key: search.Instant) -> Test:
    """A message without a readable Date was sent at no instant."""
    at = key.at
    if key.when == "before":
        return lambda row: row[1] is not None and row[1] < at
    return lambda row: row[1] is not None and row[1] >= at


def _on_day(key: search.Day) -> Test:
    """RFC 9051 6.4.4: time and zone are disregarded, so a day is the one that the Date field or the
    INTERNALDATE itself spells. A message without a readable Date matches no SENT key."""
    when, wanted = key.when, key.day

    def day_of(row: Sequence[Any]) -> int | None:
        if key.of == "internal":
            return int((row[1] + row[2] * 60) // 86400)
        if key.of == "saved":
            return int(row[1] // 86400)
        return None if row[1] is None else int(row[1])

    def matches(row: Sequence[Any]) -> bool:
        day = day_of(row)
        if day is None:
            return False
        if when == "on":
            return day == wanted
        return day < wanted if when == "before" else day >= wanted

    return matches
