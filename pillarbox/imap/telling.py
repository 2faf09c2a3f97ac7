"""The client is told what changed in its mailbox: the store's changes through `updates` onto the wire.

Called by `session` at the end of every command (and before those that `table` marks), by IDLE, and by the
handlers of STORE and FETCH for what they themselves have changed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import contexts, untold, updates
from pillarbox.imap.updates import Flagged
from pillarbox.imap.view import NEVER_RECENT, View, differences
from pillarbox.imap.wire.encode import Response, encode
from pillarbox.imap.wire.expunge import Expunged, Vanished
from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.fetch_plan import line as render_one
from pillarbox.imap.wire.fetch_plan import plan, render
from pillarbox.imap.wire.response import HighestModseq, PermanentFlags, UrlMech, bye, ok
from pillarbox.imap.wire.select import Exists, Flags, Recent
from pillarbox.model.changes import Columns, Delta
from pillarbox.model.column import distinct
from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.flags import SYSTEM
from pillarbox.store import changes, flags, mailboxes, present
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.store.flags import Stored

SHORT = 8192  # what a way may cost to be read in one piece; beyond, mailboxes are compared

_FLAGS = FetchItems((Item("FLAGS", b"FLAGS"),))
_MODSEQ = FetchItems((Item("MODSEQ", b"MODSEQ"),))


async def news(session: Session, *, expunge: bool, own: Stored | None = None) -> bytes:
    """Bring the view up to date and say what changed. `own` is what the session itself has just done to
    flags, and answers itself; unless somebody else wrote at the same time, then all is told."""
    return (await _news(session, expunge=expunge, own=own, looked=own is not None))[0]


def nothing_new(session: Session, *, expunge: bool, looked: bool) -> bool:
    """Whether there is nothing to tell, as most commands find at their end. `looked`: what other processes
    did has just been asked."""
    store, account, view = session.store, session.account, session.view
    # Also where nothing is selected: there may be no account any more.
    modseq = store.modseq_known(account) if looked else store.modseq(account)
    if view is None:
        return True
    if modseq != view.modseq or (expunge and view.gone):
        return False
    if session.contexts.age and session.contexts.due(store.clock()):
        return False
    return not view.behind or not (session.notified is None or session.notified.hears_messages)


def at_rest(session: Session, view: View, *, expunge: bool) -> bool:
    """Whether `at_end` has nothing to say, of a command that has looked itself."""
    if view.gone:
        return False
    try:
        return nothing_new(session, expunge=expunge, looked=True)
    except Exception:
        return False  # it will say why


async def _news(session: Session, *, expunge: bool, own: Stored | None, looked: bool) -> tuple[bytes, bool]:
    """`news`, and whether messages have lost their numbers by it."""
    if nothing_new(session, expunge=expunge, looked=looked):
        return b"", False
    store, account, view = session.store, session.account, session.selected
    notified = session.notified
    hears = notified is None or notified.hears_messages
    kept = session.contexts
    mine = own.modseq if own is not None and own.modseq == view.modseq + 1 else 0
    columns = await store.columns(account, session.actor, view.shown.mailbox, own if mine else None)
    if own is not None and columns.modseq == mine and not kept:
        delta, moved = updates.nothing_since(mine), await _distinct(own.flag_sets)
    else:
        columns, delta = await _way_from(session, view, columns)
        if not delta.complete or (hears and view.behind):
            found = await Turns().through(differences(view, columns))
            delta = replace(found, keyed=delta.keyed)
        moved = await _distinct(delta.new_flag_sets, delta.changed_flag_sets)
    if hears:
        steps = updates.advancing(view, columns, delta, expunge=expunge, own=mine)
    else:
        steps = updates.advancing_without_new(view, columns, delta, expunge=expunge, own=mine)
    session.view, told = await Turns().through(steps)
    if told.flagged is not None and notified is not None and not notified.hears_flags:
        told = replace(told, flagged=None)
    keywords = await _keywords(session, moved)
    if delta.keyed:
        # RFC 4467 BASE.6.3.RESETKEY: all sessions of the user that have the mailbox selected are told.
        keywords += encode(ok(None, "The key for URLs is another one", UrlMech()), session.kind)
    followed = await kept.news(session, view, delta) if kept else contexts.NOTHING
    if told is updates.NOTHING and followed == contexts.NOTHING:
        return keywords, False
    before = b"".join([encode(one, session.kind) for one in followed.before])
    responses: list[Response] = []
    many = told.gone is not None and len(told.gone) >= updates.MANY
    if told.gone is not None and not many:
        # RFC 7162 3.2.10.2, RFC 9586 3.6
        vanished = session.kind.vanished
        responses.append(Vanished(present.runs_of(told.gone)) if vanished else Expunged(told.expunged))
    if told.exists is not None:
        responses.append(Exists(told.exists))
    if told.recent is not None and not session.kind.rev2:
        responses.append(Recent(told.recent))
    counts = b"".join([encode(one, session.kind) for one in responses])
    after = followed.described + b"".join([encode(one, session.kind) for one in followed.after])
    if many and told.gone is not None:
        # Numbers are as of after the expunges in all that is told from here on.
        untold.tell_gone(session, told.gone, view.shown.uids, counts + after)
        counts = after = b""
    # RFC 5465 5.1: a client that uses NOTIFY is told the UID too.
    uid = notified is not None
    lines = untold.tell_flagged(session, told.flagged, uid=uid) if told.flagged is not None else b""
    return before + counts + keywords + lines + after, told.gone is not None


async def news_or_end(session: Session, *, expunge: bool, own: Stored | None = None) -> bytes:
    """`news` where it must not spoil what it comes with: at the end of a command, and during IDLE."""
    return (await at_end(session, expunge=expunge, own=own))[0]


async def at_end(
    session: Session, *, expunge: bool, own: Stored | None = None, looked: bool = False
) -> tuple[bytes, HighestModseq | None]:
    """`news_or_end`, and up to where the client knows everything, when it could not tell by itself."""
    try:
        lines, expunged = await _news(session, expunge=expunge, own=own, looked=looked)
        kind, view = session.kind, session.view
        # RFC 7162 3.2: it may have been told mod-sequences above that of an expunge that is withheld.
        # RFC 7162 3.2.7, 3.2.9: and what has vanished had a mod-sequence too.
        if kind.condstore and view is not None and (view.gone or (expunged and kind.qresync)):
            return lines, HighestModseq(await _highest(session, view))
        return lines, None
    except Refused as refused:
        if refused.code not in (Code.NONEXISTENT, Code.NOPERM):
            return b"", None  # a store that cannot answer now; the next command asks again
        # RFC 2180 3.3: somebody deleted it, or took the right to read away.
        return end(session, refused), None
    except Exception as error:
        session.services.report(error)
        return b"", None


async def _highest(session: Session, view: View) -> int:
    """The greatest mod-sequence of the mailbox, never one above what has been told (RFC 7162 3.2)."""
    row = await session.store.read(session.account, mailboxes.get, session.actor, view.shown.mailbox)
    return min(view.synced, row.highest)


async def aware(session: Session) -> tuple[Response, ...]:
    """The client has shown that it knows mod-sequences: from now on it is told them. What it must be told the
    first time, when a mailbox is selected (RFC 7162 3.1)."""
    if session.kind.condstore:
        return ()
    session.kind = replace(session.kind, condstore=True)
    if session.view is None:
        return ()
    highest = HighestModseq(await _highest(session, session.view))
    return (ok(None, "Mod-sequences are told from now on", highest),)


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
        delta = await store.read(account, changes.since, session.actor, mailbox, view.modseq, most=SHORT)
        if delta.modseq == columns.modseq:
            return columns, delta
        columns = await store.columns(account, session.actor, mailbox)


async def _distinct(*columns: array[int]) -> set[int]:
    turns, found = Turns(), set[int]()
    for column in columns:
        for at in range(0, len(column), SHORT):
            found |= distinct(column[at : at + SHORT])
            await turns.take()
    return found


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


def own_store(
    session: Session, view: View, place: int, stored: Stored, *, uid: bool, silent: bool
) -> bytes | None:
    """`news` after the session's own STORE on the message at `place`, and its FETCH response, where that is
    all there is to say. None: nothing has been said or taken in."""
    store, kind, known = session.store, session.kind, session.flag_sets.meanings
    modseq, shown = stored.modseq, view.shown
    if store.modseq_known(session.account) != (modseq or view.modseq):
        return None
    flag_set = shown.flag_sets[place]
    if modseq:
        flag_set = stored.flag_sets[0]
        named = known.get(flag_set)
        if modseq != view.modseq + 1 or named is None or not session.keywords.issuperset(named):
            return None
        columns = store.columns_after(session.account, shown.mailbox, stored)
        if columns is None:
            return None
        session.view = View(
            columns, modseq, modseq, view.recent_from, saved=view.saved, read_only=view.read_only
        )
    aware = kind.condstore
    if silent and not (modseq and aware):
        return b""
    line = plan(_MODSEQ if silent else _FLAGS, kind, uid=(uid and not silent) or aware, modseq=aware)
    row = {"uid": shown.uids[place], "flag_set": flag_set, "modseq": modseq or shown.modseqs[place]}
    recent = view.recent_from != NEVER_RECENT and place >= view.first_recent
    return render_one(
        line, place + 1, [row[name] for name in line.columns], session.flag_sets.spelled(recent)
    )


def flag_lines(session: Session, flagged: Flagged, *, uid: bool = False, silent: bool = False) -> bytes:
    """`* n FETCH (FLAGS (...))` of each message; with UID and MODSEQ for a client aware of mod-sequences
    (RFC 7162 3.2.4). `silent`: it knows the flags."""
    aware = session.kind.condstore
    line = plan(_MODSEQ if silent else _FLAGS, session.kind, uid=uid or aware, modseq=aware)
    border = bisect_left(flagged.uids, session.selected.recent_from)
    lines = b""
    for start, stop, recent in ((0, border, False), (border, len(flagged.uids), True)):
        if start < stop:
            columns = {
                "uid": flagged.uids[start:stop],
                "flag_set": flagged.flag_sets[start:stop],
                "modseq": flagged.modseqs[start:stop],
            }
            lines += render(
                line,
                flagged.numbers[start:stop],
                [columns[name] for name in line.columns],
                session.flag_sets.spelled(recent),
            )
    return lines
