"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import objectid, resync, view
from pillarbox.imap.commands.expunge import expunge_all
from pillarbox.imap.commands.fetch import Answer
from pillarbox.imap.openings import Opening
from pillarbox.imap.outcome import Done, Outcome, UidRequired
from pillarbox.imap.view import NEVER_RECENT
from pillarbox.imap.wire import select as wire
from pillarbox.imap.wire.encode import Response, encode
from pillarbox.imap.wire.expunge import Vanished
from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.list import Listed
from pillarbox.imap.wire.response import (
    HighestModseq,
    Mark,
    PermanentFlags,
    UidNext,
    UidValidity,
    Unseen,
    UrlMech,
    ok,
)
from pillarbox.model import masks
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import SEEN, SYSTEM, FlagSet
from pillarbox.model.numbers import Runs, runs
from pillarbox.store import flags, mailboxes
from pillarbox.store.index import expecting

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.actors import Actor
    from pillarbox.model.changes import Columns
    from pillarbox.store.mailboxes import Selected
    from pillarbox.store.tx import Tx


_FLAGS = FetchItems((Item("FLAGS", b"FLAGS"),))


async def select(session: Session, tag: bytes, command: wire.Select) -> Outcome:
    asked = command.qresync
    if asked is not None and not session.kind.qresync:
        raise PeerSyntax("QRESYNC has not been enabled")  # RFC 7162 3.2.5
    if asked is not None and asked.match_numbers and session.kind.uid_only:
        raise UidRequired  # RFC 9586 3.7
    if command.condstore:
        session.kind = replace(session.kind, condstore=True)
    wanted = None
    if command.objectid is not None:
        objectid.activate(session)
        wanted = objectid.named(session, command.objectid)
    if session.view is not None:
        # RFC 9051 6.3.2: what was selected is deselected first, also when this SELECT fails, and CLOSED
        # divides what is said about the one mailbox from what is said about the other.
        session.leave()
        session.first.append(ok(None, "The previous mailbox is closed", Mark.CLOSED))
    opening, columns = await _found(session, command, wanted)
    found = opening.found
    enter(session, opening, columns, read_only=command.read_only)
    kind = session.kind, command.read_only, objectid.NAME in session.enabled
    told = opening.lines.get(kind) if command.old_name is None else None
    if told is None:
        data = _data(session, command, opening, wanted)
        told = b"".join([encode(one, session.kind) for one in data])
        if command.old_name is None:
            opening.lines[kind] = told
    text = "EXAMINE completed" if command.read_only else "SELECT completed"
    code = Mark.READ_ONLY if command.read_only else Mark.READ_WRITE
    if asked is None or asked.uidvalidity != found.row.uidvalidity:
        return Done(text, code, told=told)  # RFC 7162 3.2.5: of another UIDVALIDITY nothing is known
    return await _resynchronised(session, asked, found.row.uidnext, Done(text, code, told=told))


def enter(session: Session, opening: Opening, columns: Columns, *, read_only: bool) -> None:
    """What the session shows from here on."""
    found = opening.found
    session.flag_sets.learn(opening.meanings)  # no number in the columns is unknown
    recent_from = NEVER_RECENT if session.kind.rev2 else found.first_recent_uid
    session.enter(view.opened(columns, recent_from=recent_from, read_only=read_only), {*SYSTEM, *found.flags})
    if len(columns.uids) >= expecting.LEAST:
        session.store.expecting.expect(session.account)  # searches


async def _found(session: Session, command: wire.Select, wanted: int | None) -> tuple[Opening, Columns]:
    """The mailbox, as it was when it was opened last if nothing has changed since."""
    store, account, actor = session.store, session.account, session.actor
    openings, key = session.services.openings, (account, command.mailbox, wanted)
    known = store.modseq(account)
    kept = openings.get(key) if actor.owner else None
    if kept is not None:
        at_hand = store.columns_known(account, kept.found.row.id, known)
        if at_hand is not None and kept.columns() is at_hand:
            return kept, at_hand
    found, meanings = await store.read(account, _look, actor, command.mailbox, wanted)
    recent = found.status.recent
    if recent and not command.read_only and not session.kind.rev2:
        # RFC 3501 2.3.2: the next session is not told that these are recent.
        found = await store.write(account, mailboxes.select, actor, found.row.id, True, durable=False)
    columns = await store.columns(account, actor, found.row.id)
    if columns.modseq != known:
        meanings = await store.read(account, flags.flag_sets)
    # The counters are as of before the columns: only where nothing has come in between do they agree.
    unseen = found.status.unseen if columns.modseq == known else len(columns.uids)
    opening = Opening(found, meanings, unseen, weakref.ref(columns))
    if actor.owner and not recent and columns.modseq == known:
        openings.keep(key, opening)
    return opening, columns


def _data(session: Session, command: wire.Select, opening: Opening, wanted: int | None) -> list[Response]:
    found, columns, rev2 = opening.found, session.selected.shown, session.kind.rev2
    defined = (*SYSTEM, *(flag for flag in found.flags if flag not in SYSTEM))
    data: list[Response] = [wire.Flags(defined), wire.Exists(len(columns.uids))]
    if not rev2:
        data.append(wire.Recent(session.selected.recent))
        number = 0 if session.kind.uid_only else _first_unseen(session, opening.unseen)
        if number:
            data.append(ok(None, f"Message {number} is the first unseen", Unseen(number)))
    last = columns.uids[-1] if columns.uids else 0
    data += (
        ok(None, "UIDs are valid", UidValidity(found.row.uidvalidity)),
        ok(None, "The next UID", UidNext(max(found.row.uidnext, last + 1))),
        # RFC 7162 3.1.2.1. It may have grown since: all the less is too much said.
        ok(None, "The highest mod-sequence", HighestModseq(found.row.highest)),
        ok(None, "The mailbox", objectid.code(session, found.row.id)),
    )
    # RFC 4467 BASE.7.1.URLMECH. It says no more than that there is INTERNAL, and RFC 4467 10 is obeyed by
    # `auth.cleartext`: where that is "never", nobody selects anything without TLS.
    data.append(ok(None, "URLs can be authorized", UrlMech()))
    # RFC 9051 7.1: an empty list where nothing can be changed.
    permanent = () if command.read_only else (*defined, "\\*")
    data.append(ok(None, "Flags are kept", PermanentFlags(permanent)))
    if rev2:
        old_name = command.old_name
        if found.row.id == wanted and found.row.path != command.mailbox:
            old_name = command.mailbox  # draft-ietf-mailmaint-imap-objectid-bis 7.1: the name it had
        data.append(Listed(found.row.path, old_name=old_name))  # RFC 9051 6.3.2
    return data


async def _resynchronised(session: Session, asked: wire.Qresync, uidnext: int, done: Done) -> Done:
    """What the client has missed since it saw the mailbox last (RFC 7162 3.2.5.1)."""
    shown = session.selected
    known: Runs = ((1, uidnext - 1),) if uidnext > 1 else ()
    if asked.known:
        known = runs(asked.known, uidnext)
    where = await resync.touched(session, asked.modseq)
    to_match = resync.beyond(known, resync.matched(shown, asked.match_numbers, asked.match_uids))
    gone = await resync.vanished(session, to_match, asked.modseq, where)
    chosen = await resync.changed(shown, shown.shown.uids.slices(known), asked.modseq, where)
    answer = Answer(session, _FLAGS, chosen, uid=True, modseq=True)
    told = done.told + encode(Vanished(gone, earlier=True), session.kind)
    return replace(done, told=told, stream=answer.pieces())


def _look(tx: Tx, actor: Actor, path: str, wanted: int | None) -> tuple[Selected, dict[int, FlagSet]]:
    return mailboxes.look(tx, actor, path, wanted), flags.flag_sets(tx)


def _first_unseen(session: Session, unseen: int) -> int:
    """RFC 3501 6.3.1; 0 when every message has been seen."""
    wanted = session.flag_sets.without(SEEN)
    return masks.first_of(session.selected.shown.flag_sets, wanted, unseen) + 1


async def check(session: Session, tag: bytes, command: wire.Check) -> Outcome:
    return Done("CHECK completed")  # RFC 3501 6.4.1: nothing is ever left undone here


async def close(session: Session, tag: bytes, command: wire.Close) -> Outcome:
    shown = session.selected
    session.leave()
    # RFC 9051 6.4.1: expunges without a word, but not what was opened with EXAMINE.
    if not shown.read_only:
        await expunge_all(session, shown.shown.mailbox)
    return Done("CLOSE completed")


async def unselect(session: Session, tag: bytes, command: wire.Unselect) -> Outcome:
    session.leave()
    return Done("UNSELECT completed")
