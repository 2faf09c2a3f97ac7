"""UIDBATCHES: the selected mailbox cut into batches of so many messages, the newest first (RFC 10022).

It counts in the view, so what the client has been told of. A message that somebody has expunged counts until
that is told, which may be at the end of this very command: a batch may turn out smaller than it was asked for
(RFC 10022 3.1.3.3.3), and never greater.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap.outcome import ClientBug, Done, Outcome
from pillarbox.imap.wire import uidbatches as wire
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import MAX_NUMBER

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.column import Column

MIN_SIZE = 500  # RFC 10022 3.1.3.2: smaller batches would bring message numbers back
MAX_SPAN = 100_000  # RFC 10022 3.1.5: messages in the batches that are asked for by number
MAX_SIZES = 10  # series remembered in one selected mailbox, for the rule below
MAX_RANGES = 200  # ranges of batches remembered in one series


async def uidbatches(session: Session, tag: bytes, command: wire.UidBatches) -> Outcome:
    size, wanted = command.size, command.batches
    if wanted is not None and wanted[0] > wanted[1]:
        raise ClientBug("A range of batches goes from the lower number to the higher")  # RFC 10022 3.1.5
    if size < MIN_SIZE:
        raise Refused(f"A batch has at least {MIN_SIZE} messages", Code.TOOFEW)
    if wanted is None:
        # RFC 10022 3.1.7 lets a server refuse this for large mailboxes. A million messages are at most two
        # thousand ranges, found in a millisecond.
        wanted = (1, MAX_NUMBER)
    elif (wanted[1] - wanted[0] + 1) * size > MAX_SPAN:
        raise Refused(f"The batches span more than {MAX_SPAN} messages", Code.TOOMANY)
    uids = session.selected.shown.uids
    ration(session.batches, uids, size, wanted)
    return Done("UIDBATCHES completed", data=(wire.Batches(tag, cut(uids, size, *wanted)),))


def cut(uids: Column, size: int, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """The batches from the `first` to the `last`, as far as they exist, each as its highest and lowest UID.

    A batch begins right below the one before it, so that no UID is in none, and the last one ends with UID 1:
    that says that it is the last (RFC 10022 3.1.4).
    """
    exists = len(uids)
    last = min(last, -(-exists // size))
    if first > last:
        return ()
    above = exists - (first - 1) * size  # the place of the lowest message of the batch before
    high = uids[exists - 1] if above == exists else uids[above] - 1
    out: list[tuple[int, int]] = []
    for number in range(first, last + 1):
        place = exists - number * size
        low = uids[place] if place > 0 else 1
        out.append((high, low))
        high = low - 1
    return tuple(out)


@dataclass(slots=True)
class Series:
    """The ranges of batches of one size that have been answered since the first of them: there were `exists`
    messages then, the last with UID `last`."""

    exists: int
    last: int
    answered: set[tuple[int, int]]


def ration(known: dict[int, Series], uids: Column, size: int, wanted: tuple[int, int]) -> None:
    """RFC 10022 3.1.1, 6: who asks the same again of a mailbox that is much the same is refused.

    Other sizes are not refused, and neither are other ranges of batches: a client works through them one
    after the other (RFC 10022 3.1.5), and begins again wherever it likes once half a batch has come or gone
    since it began. A client that varies its question without end is answered, one command at a time; that
    costs less than a SEARCH, so it is no way to wear the server down. Nothing is remembered beyond the
    selection of the mailbox: who connects or selects anew may have forgotten the answer too.
    """
    series = known.get(size)
    if series is not None and wanted in series.answered:
        left = uids.place(series.last + 1)
        # Both as the RFC says it at its mildest: half a batch, and not one more than half.
        if max(series.exists - left, len(uids) - left) * 2 < size:
            raise Refused("These batches have been told already, and are much the same", Code.LIMIT)
        series = None
    if series is None:
        if len(known) == MAX_SIZES:
            known.clear()
        series = known[size] = Series(len(uids), uids[-1] if uids else 0, set())
    elif len(series.answered) == MAX_RANGES:
        series.answered.clear()
    series.answered.add(wanted)
