"""EXPUNGE and UID EXPUNGE. What is gone is announced with everything else, at the end of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.wire import expunge as wire
from pillarbox.store import messages

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def expunge(session: Session, tag: bytes, command: wire.Expunge) -> Outcome:
    session.require_writable()
    mailbox = session.selected.shown.mailbox
    with Progress(session, tag):
        await session.store.write(session.account, messages.expunge, session.actor, mailbox, None)
    return Done("EXPUNGE completed")


async def uid_expunge(session: Session, tag: bytes, command: wire.Expunge) -> Outcome:
    session.require_writable()
    assert command.numbers is not None
    shown = session.selected
    runs = view.uid_runs(shown, spans(shown, command.numbers, uid=True))
    if runs:
        mailbox = shown.shown.mailbox
        with Progress(session, tag):
            await session.store.write(session.account, messages.expunge, session.actor, mailbox, runs)
    return Done("UID EXPUNGE completed")
