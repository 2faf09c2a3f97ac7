"""Which messages match a search tree (RFC 9051 6.4.4).

`Matcher.among(key, candidates)` gives the part of the candidates that matches, as a mask (`masks`), so a key
only looks at what the cheaper keys beside it have left: AND goes from cheap to dear, OR passes on what no
branch has matched yet.

Rules of the place:
* flags, numbers and UIDs come from the view's columns and touch no message;
* dates and sizes are read from rows in slices, From, To, Cc and Subject from the narrow table of their
  folded text, everything else from the messages themselves. That is slow and exact: the truth an index will
  be held against;
* after each slice of work the event loop has its turn, so a long search delays nobody else;
* messages that are expunged and not yet announced match nothing (RFC 2180 4.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pillarbox.imap import view
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import View
from pillarbox.message.searchable import fold_text, line, searchable_headers, searchable_parts
from pillarbox.model import masks, search
from pillarbox.model.errors import Refused
from pillarbox.model.flags import RECENT, FlagSet
from pillarbox.model.masks import NONE, Mask
from pillarbox.model.numbers import Runs
from pillarbox.store import blobs, emails
from pillarbox.store.blobs import Blob

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.store.tx import Tx

ROWS = 1000  # rows of metadata read at once: a millisecond or two
SPANS = 100  # separate stretches of messages in one read
BLOBS = 8  # messages opened in one read
SLICE = 0.002  # seconds of looking into messages before others have their turn
ON_LOOP = 256 * 1024  # octets; a larger message is looked into on a thread

# Keys answered from `email_key`, by header field.
_KEY_COLUMNS = {"from": "sender", "to": "recipient", "cc": "cc", "subject": "subject"}
_DAY_COLUMNS = {
    "internal": ("internal_at", "internal_tz"),
    "sent": ("sent_day",),
    "saved": ("saved_at",),
}
_INSTANT_COLUMNS = {"internal": ("internal_at",), "sent": ("sent_at",), "saved": ("saved_at",)}
_COST = {
    search.Size: 1,
    search.Day: 1,
    search.Instant: 1,
    search.EmailId: 1,
    search.ThreadId: 1,
    search.Header: 2,
    search.Body: 4,
    search.Text: 4,
}

Text = Callable[[Blob, int], bool]  # does this message, whose header has so many octets, match?


def cost(key: search.Key) -> int:
    """Roughly how dear a key is, so that the dear ones see few candidates."""
    if isinstance(key, search.And | search.Or):
        return max((cost(one) for one in key.keys), default=0)
    if isinstance(key, search.Not):
        return cost(key.key)
    if isinstance(key, search.Header) and (key.name not in _KEY_COLUMNS or not key.needle):
        return 3
    return _COST.get(type(key), 0)


def readings(key: search.Key) -> int:
    """How many keys in it are answered by reading messages or their rows."""
    if isinstance(key, search.And | search.Or):
        return sum(map(readings, key.keys))
    if isinstance(key, search.Not):
        return readings(key.key)
    return int(cost(key) > 0)


class Matcher:
    """One search of one session's view. `progress` counts messages, once for each of the `readings`."""

    def __init__(
        self, session: Session, shown: View, meanings: dict[int, FlagSet], progress: Progress
    ) -> None:
        self._session = session
        self._view = shown
        self._meanings = meanings
        self._progress = progress
        self._count = shown.exists
        everything = masks.full(self._count)
        ghosts = view.ghosts(shown, [(0, self._count)])
        self.living: Mask = everything ^ masks.of_spans(ghosts, self._count)
        self._until = asyncio.get_running_loop().time() + SLICE

    async def among(self, key: search.Key, candidates: Mask) -> Mask:
        if not candidates:
            return NONE
        match key:
            case search.All():
                return candidates
            case search.And():
                for one in sorted(key.keys, key=cost):
                    candidates = await self.among(one, candidates)
                return candidates
            case search.Or():
                found = NONE
                for one in sorted(key.keys, key=cost):
                    found |= await self.among(one, candidates & ~found)
                return found
            case search.Not():
                return candidates & ~await self.among(key.key, candidates)
            case search.Flag():
                return candidates & self._flag(key.flag)
            case search.Sequence():
                return candidates & self._places(view.by_number_if_there(self._view, key.ranges))
            case search.Uid():
                return candidates & self._places(view.by_uid(self._view, key.ranges))
            case search.Saved():
                return candidates & self._places(view.by_saved(self._view))
            case search.Modseq():
                return candidates & masks.at_least(self._view.shown.modseqs, key.least)
            case search.Header():
                return await self._header(key, candidates)
            case search.Body():
                return await self._text(_in_body(fold_text(key.needle)), candidates)
            case search.Text():
                return await self._text(_in_text(fold_text(key.needle)), candidates)
            case _:
                return await self._rows(*_of_row(key), candidates)

    def _places(self, spans: view.Spans) -> Mask:
        return masks.of_spans(spans, self._count)

    def _flag(self, flag: str) -> Mask:
        shown = self._view
        if flag == RECENT:
            return self._places([(shown.first_recent, self._count)])
        folded = flag.lower()
        wanted = [
            number for number, flags in self._meanings.items() if any(one.lower() == folded for one in flags)
        ]
        return masks.of_flag_sets(shown.shown.flag_sets, wanted)

    async def _header(self, key: search.Header, candidates: Mask) -> Mask:
        needle = fold_text(key.needle)
        column = _KEY_COLUMNS.get(key.name)
        if column is None or not needle:
            return await self._text(_in_header(key.name, needle), candidates)
        octets = needle.encode("utf-8", "surrogateescape")
        return await self._rows((column,), lambda row: octets in row[1], candidates)

    async def _rows(
        self, columns: tuple[str, ...], matches: Callable[[Sequence[Any]], bool], candidates: Mask
    ) -> Mask:
        """The candidates whose row (uid, *columns) matches."""
        found: list[int] = []
        async for places, rows in self._read(("uid", *columns), candidates, ROWS):
            found += [places[row[0]] for row in rows if row[0] in places and matches(row)]
        return masks.of_indices(found, self._count) & candidates

    async def _read(
        self, columns: tuple[str, ...], candidates: Mask, size: int
    ) -> AsyncIterator[tuple[dict[int, int], list[tuple[Any, ...]]]]:
        """Rows of the candidates, at most `size` at a time, with the place of each of their UIDs."""
        session, shown, progress = self._session, self._view.shown, self._progress
        progress.done += self._count - masks.size(candidates)
        for spans in _batches(masks.spans(candidates, self._count), size):
            places: dict[int, int] = {}
            for start, stop in spans:
                places.update(zip(shown.uids[start:stop], range(start, stop)))
            runs: Runs = view.uid_runs(self._view, spans)
            yield (
                places,
                await session.store.read(
                    session.account, emails.rows_of, session.actor, shown.mailbox, runs, columns
                ),
            )
            progress.done += len(places)
            await self._pause()

    async def _text(self, matches: Text, candidates: Mask) -> Mask:
        """The candidates in whose octets `matches` finds what it looks for."""
        session = self._session
        found: list[int] = []
        columns = ("uid", "blob", "header_size")
        async for places, rows in self._read(columns, candidates, BLOBS):
            opened = await session.store.read(session.account, _open, [row[1] for row in rows])
            for (uid, _, header_size), blob in zip(rows, opened):
                if blob is None or uid not in places:
                    continue  # erased meanwhile
                if blob.size <= ON_LOOP:
                    hit = matches(blob, header_size)
                    await self._pause()
                else:
                    loop = asyncio.get_running_loop()
                    hit = await loop.run_in_executor(None, matches, blob, header_size)
                if hit:
                    found.append(places[uid])
        return masks.of_indices(found, self._count) & candidates

    async def _pause(self) -> None:
        now = asyncio.get_running_loop().time
        if now() >= self._until:
            await asyncio.sleep(0)
            self._until = now() + SLICE


def _batches(spans: Iterable[tuple[int, int]], size: int) -> Iterator[view.Spans]:
    """The same places in portions of at most `size`."""
    batch: view.Spans = []
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


def _of_row(key: search.Key) -> tuple[tuple[str, ...], Callable[[Sequence[Any]], bool]]:
    """The columns that decide a key, and how."""
    match key:
        case search.Size(octets=octets, larger=True):
            return ("size",), lambda row: row[1] > octets
        case search.Size(octets=octets):
            return ("size",), lambda row: row[1] < octets
        case search.EmailId(email=email):
            return ("email",), lambda row: row[1] == email
        case search.ThreadId(thread=thread):
            return ("thread",), lambda row: row[1] == thread
        case search.Day():
            return _DAY_COLUMNS[key.of], _on_day(key)
        case search.Instant():
            return _INSTANT_COLUMNS[key.of], _at_instant(key)
    raise AssertionError(f"{key} is not decided by a row")


def _at_instant(key: search.Instant) -> Callable[[Sequence[Any]], bool]:
    """A message without a readable Date was sent at no instant."""
    at = key.at
    if key.when == "before":
        return lambda row: row[1] is not None and row[1] < at
    return lambda row: row[1] is not None and row[1] >= at


def _on_day(key: search.Day) -> Callable[[Sequence[Any]], bool]:
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


def _open(tx: Tx, ids: list[int]) -> list[Blob | None]:
    """The blobs; None for one that has been erased."""
    opened: list[Blob | None] = []
    for one in ids:
        try:
            opened.append(blobs.open_blob(tx, one))
        except Refused:
            opened.append(None)
    return opened


def _in_header(name: str, needle: str) -> Text:
    def matches(blob: Blob, header_size: int) -> bool:
        header = searchable_headers(blob.read(0, header_size))
        return any(one == name and needle in text for one, text in header)

    return matches


def _in_body(needle: str) -> Text:
    def matches(blob: Blob, header_size: int) -> bool:
        return not needle or any(needle in text for text in searchable_parts(blob.read(0, blob.size)))

    return matches


def _in_text(needle: str) -> Text:
    in_body = _in_body(needle)

    def matches(blob: Blob, header_size: int) -> bool:
        header = searchable_headers(blob.read(0, header_size))
        return any(needle in line(name, text) for name, text in header) or in_body(blob, header_size)

    return matches
