"""Columns of rows, for work that looks at many messages: read in slices, aligned with their places."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from pillarbox.imap import view
from pillarbox.imap.view import View
from pillarbox.model.numbers import Runs
from pillarbox.store import emails
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

ROWS = 512  # read at once: a millisecond or two
SPANS = 100  # separate stretches of messages in one read
# What stands for a row that is not there any more, and empty octets for all others.
_ERASED: dict[str, int | None] = {"internal_at": 0, "is_reply": 0, "sent_at": None, "size": 0}


async def read(
    session: Session, shown: View, places: array[int], names: tuple[str, ...], turns: Turns
) -> list[list[Any]]:
    """For each of the columns named its values, aligned with `places`."""
    out: list[list[Any]] = [[] for _ in names]
    async for columns in pieces(session, shown, places, names, turns):
        for column, some in zip(out, columns):
            column += some
    return out


async def pieces(
    session: Session, shown: View, places: array[int], names: tuple[str, ...], turns: Turns
) -> AsyncIterator[list[tuple[Any, ...]]]:
    """The same for some places after the other."""
    uids = shown.shown.uids
    for spans in _batches(places):
        runs = view.uid_runs(shown, spans)
        rows = await _rows(session, shown, runs, ("uid", *names), with_buried=False)
        if len(rows) != view.count(spans):
            # Some have just been expunged, or long ago and nobody may tell.
            rows = await _rows(session, shown, runs, ("uid", *names), with_buried=True)
            known = {row[0]: row for row in rows}
            missing = [_ERASED.get(name, b"") for name in names]
            rows = [known.get(uid, (uid, *missing)) for start, stop in spans for uid in uids[start:stop]]
        _, *columns = zip(*rows)
        yield columns
        await turns.take()


async def _rows(
    session: Session, shown: View, runs: Runs, columns: tuple[str, ...], *, with_buried: bool
) -> list[tuple[Any, ...]]:
    return await session.store.read(
        session.account,
        emails.rows_of,
        session.actor,
        shown.shown.mailbox,
        runs,
        columns,
        with_buried=with_buried,
    )


def _batches(places: array[int]) -> Iterator[view.Spans]:
    for start in range(0, len(places), ROWS):
        spans = view.spans_of(places[start : start + ROWS])
        for at in range(0, len(spans), SPANS):
            yield spans[at : at + SPANS]
