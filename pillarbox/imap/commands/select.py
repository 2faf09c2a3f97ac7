"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pillarbox.imap import objectid, resync, view
from pillarbox.imap.commands.expunge import expunge_all
from pillarbox.imap.commands.fetch import Answer
from pillarbox.imap.outcome import Done, Outcome, UidRequired
from pillarbox.imap.view import NEVER_RECENT
from pillarbox.imap.wire import select as wire
from pillarbox.imap.wire.encode import Response
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
    ok,
)
from pillarbox.model import masks
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import SEEN, SYSTEM, FlagSet
from pillarbox.model.numbers import Runs, runs
from pillarbox.store import flags, mailboxes

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.actors import Actor
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
    known = session.store.modseq(session.account)
    found, meanings = await session.store.read(session.account, _look, session.actor, command.mailbox, wanted)
    if found.status.recent and not command.read_only and not session.kind.rev2:
        # RFC 3501 2.3.2: the next session is not told that these are recent.
        found = await session.store.write(
            session.account, mailboxes.select, session.actor, found.row.id, True, durable=False
        )
    columns = await session.store.columns(session.account, session.actor, found.row.id)
    if columns.modseq != known:
        meanings = await session.store.read(session.account, flags.flag_sets)
    session.flag_sets.learn(meanings)  # no number in the columns is unknown
    keywords = [flag for flag in found.flags if flag not in SYSTEM]
    rev2 = session.kind.rev2
    session.enter(
        view.opened(
            columns,
            recent_from=NEVER_RECENT if rev2 else found.first_recent_uid,
            read_only=command.read_only,
        ),
        {*SYSTEM, *keywords},
    )
    defined = (*SYSTEM, *keywords)
    data: list[Response] = [wire.Flags(defined), wire.Exists(len(columns.uids))]
    if not rev2:
        data.append(wire.Recent(session.selected.recent))
        # The counters are as of before the columns: only where nothing has come in between do they agree.
        unseen = found.status.unseen if columns.modseq == known else len(columns.uids)
        number = 0 if session.kind.uid_only else _first_unseen(session, unseen)
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
    # RFC 9051 7.1: an empty list where nothing can be changed.
    permanent = () if command.read_only else (*defined, "\\*")
    data.append(ok(None, "Flags are kept", PermanentFlags(permanent)))
    if rev2:
        old_name = command.old_name
        if found.row.id == wanted and found.row.path != command.mailbox:
            old_name = command.mailbox  # draft-ietf-mailmaint-imap-objectid-bis 7.1: the name it had
        data.append(Listed(found.row.path, old_name=old_name))  # RFC 9051 6.3.2
    word = "EXAMINE" if command.read_only else "SELECT"
    code = Mark.READ_ONLY if command.read_only else Mark.READ_WRITE
    done = Done(f"{word} completed", code, tuple(data))
    if asked is None or asked.uidvalidity != found.row.uidvalidity:
        return done  # RFC 7162 3.2.5: of another UIDVALIDITY nothing is known
    return await _resynchronised(session, asked, found.row.uidnext, done)


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
    return replace(done, data=(*done.data, Vanished(gone, earlier=True)), stream=answer.pieces())


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
