"""COPY and MOVE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.wire import copy as wire
from pillarbox.imap.wire.response import CopyUid, MessageLimit, ok
from pillarbox.model.errors import Code, Refused
from pillarbox.store import mailboxes, messages
from pillarbox.store.mailboxes import MailboxRow

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def copy(session: Session, tag: bytes, command: wire.Copy) -> Outcome:
    shown = session.selected
    chosen = spans(shown, command.numbers, uid=command.uid)
    target = await _target(session, command.mailbox)
    if view.ghosts(shown, chosen):
        # RFC 9051 6.4.7, RFC 2180 4.4.1: COPY does all or nothing, and some are gone.
        raise Refused("Some of the messages have been expunged", Code.EXPUNGEISSUED)
    limit = session.services.settings.save_limit
    if limit is not None and view.count(chosen) > limit:
        # RFC 9738 3.1: all or nothing, so nothing; the UID says how far down a smaller set would reach.
        lowest = view.uid_of_highest(shown, chosen, limit)
        return Done("These are too many messages for one COPY", MessageLimit(limit, lowest), condition="NO")
    word = "UID COPY" if command.uid else "COPY"
    if not chosen:
        return Done(f"{word} completed, no message was named")
    with Progress(session, tag):
        copied = await session.store.write(
            session.account,
            messages.copy,
            session.actor,
            shown.shown.mailbox,
            view.uid_runs(shown, chosen),
            target.id,
        )
    session.saved(target.id, copied.target)
    code = CopyUid(copied.uidvalidity, copied.source, copied.target) if copied.source else None
    return Done(f"{word} completed", code)


async def move(session: Session, tag: bytes, command: wire.Move) -> Outcome:
    session.require_writable()
    shown = session.selected
    chosen = spans(shown, command.numbers, uid=command.uid)
    target = await _target(session, command.mailbox)
    word = "UID MOVE" if command.uid else "MOVE"
    if not chosen:
        return Done(f"{word} completed, no message was named")
    with Progress(session, tag):
        moved = await session.store.write(
            session.account,
            messages.move,
            session.actor,
            shown.shown.mailbox,
            view.uid_runs(shown, chosen),
            target.id,
        )
    if not moved.source:
        return Done(f"{word} completed, the messages were gone already")
    session.saved(target.id, moved.target)
    # RFC 6851 4.3: COPYUID comes in an untagged OK before the EXPUNGE responses.
    told = ok(None, "Moved", CopyUid(moved.uidvalidity, moved.source, moved.target))
    return Done(f"{word} completed", data=(told,))


async def _target(session: Session, path: str) -> MailboxRow:
    row = await session.store.read(session.account, mailboxes.find, session.actor, path)
    if row is None or not row.selectable:
        # RFC 9051 6.4.7
        raise Refused("There is no such mailbox", Code.TRYCREATE)
    return row
