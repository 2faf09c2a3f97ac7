"""The client is told what changed in its mailbox: the store's changes through `updates` onto the wire.

Called by `session` at the end of every command (and before those that `table` marks), by IDLE, and by the
handlers of STORE and FETCH for what they themselves have changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from typing import TYPE_CHECKING

from pillarbox.imap import updates
from pillarbox.imap.updates import Flagged
from pillarbox.imap.view import View
from pillarbox.imap.wire.encode import Response, encode
from pillarbox.imap.wire.expunge import Expunged
from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.fetch_plan import plan, render
from pillarbox.imap.wire.response import PermanentFlags, bye, ok
from pillarbox.imap.wire.select import Exists, Flags, Recent
from pillarbox.model.changes import Columns, Delta
from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.flags import SYSTEM
from pillarbox.store import changes, flags

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.store.flags import Stored

_FLAGS = FetchItems((Item("FLAGS", b"FLAGS"),))


async def news(session: Session, *, expunge: bool, own: Stored | None = None) -> bytes:
    """Bring the view up to date and say what changed. `own` is what the session itself has just done to
    flags, and answers itself; unless somebody else wrote at the same time, then all is told."""
    store, account, view = session.store, session.account, session.view
    modseq = store.modseq(account)  # also where nothing is selected: there may be no account any more
    if view is None:
        return b""
    if modseq == view.modseq and not (expunge and view.gone):
        return b""
    mine = own.modseq if own is not None and own.modseq == view.modseq + 1 else 0
    columns = await store.columns(account, session.actor, view.shown.mailbox)
    if own is not None and columns.modseq == mine:
        delta, moved = updates.nothing_since(mine), set(own.flag_sets)
    else:
        columns, delta = await _way_from(session, view, columns)
        moved = {*delta.new_flag_sets, *delta.changed_flag_sets}
        if not delta.complete:
            moved.update(columns.flag_sets)
    session.view, told = updates.advance(view, columns, delta, expunge=expunge, own=mine)
    keywords = await _keywords(session, moved)
    if told is updates.NOTHING:
        return keywords
    responses: list[Response] = []
    if told.expunged:
        responses.append(Expunged(told.expunged))
    if told.exists is not None:
        responses.append(Exists(told.exists))
    if told.recent is not None and not session.kind.rev2:
        responses.append(Recent(told.recent))
    lines = flag_lines(session, told.flagged) if told.flagged is not None else b""
    return b"".join([encode(one, session.kind) for one in responses]) + keywords + lines


async def news_or_end(session: Session, *, expunge: bool, own: Stored | None = None) -> bytes:
    """`news` where it must not spoil what it comes with: at the end of a command, and during IDLE."""
    try:
        return await news(session, expunge=expunge, own=own)
    except Refused as refused:
        if refused.code not in (Code.NONEXISTENT, Code.NOPERM):
            return b""  # a store that cannot answer now; the next command asks again
        # RFC 2180 3.3: somebody deleted it, or took the right to read away.
        return end(session, refused)
    except Exception as error:
        session.services.report(error)
        return b""


def end(session: Session, refused: Refused) -> bytes:
    """What the session is about is no longer there."""
    session.leave()
    session.gone = True
    what = "account" if isinstance(refused, NoAccount) else "selected mailbox"
    return encode(bye(f"The {what} is no longer there"), session.kind)


async def _way_from(session: Session, view: View, columns: Columns) -> tuple[Columns, Delta]:
    """The mailbox now, and the way there from what the view has taken in."""
    store, account, mailbox = session.store, session.account, view.shown.mailbox
    while True:
        delta = await store.read(account, changes.since, session.actor, mailbox, view.modseq)
        if delta.modseq == columns.modseq:
            return columns, delta
        columns = await store.columns(account, session.actor, mailbox)


async def _keywords(session: Session, numbers: Collection[int]) -> bytes:
    """FLAGS, where a keyword has come into the mailbox (RFC 9051 7.3.5)."""
    known = session.flag_sets
    for number in known.unknown(numbers):
        known.learn({number: await session.store.read(session.account, flags.flag_set, number)})
    if all(session.keywords.issuperset(known.meanings[number]) for number in numbers):
        return b""
    session.keywords = session.keywords.union(*[known.meanings[number] for number in numbers])
    told = (*SYSTEM, *sorted(session.keywords.difference(SYSTEM), key=str.lower))
    lines = encode(Flags(told), session.kind)
    if not session.selected.read_only:
        lines += encode(ok(None, "Flags are kept", PermanentFlags((*told, "\\*"))), session.kind)
    return lines


def flag_lines(session: Session, flagged: Flagged, *, uid: bool = False) -> bytes:
    """`* n FETCH (FLAGS (...))` of each message."""
    line = plan(_FLAGS, session.kind, uid=uid)
    border = bisect_left(flagged.uids, session.selected.recent_from)
    lines = b""
    for start, stop, recent in ((0, border, False), (border, len(flagged.uids), True)):
        if start < stop:
            columns = {"uid": flagged.uids[start:stop], "flag_set": flagged.flag_sets[start:stop]}
            lines += render(
                line,
                flagged.numbers[start:stop],
                [columns[name] for name in line.columns],
                session.flag_sets.spelled(recent),
            )
    return lines
