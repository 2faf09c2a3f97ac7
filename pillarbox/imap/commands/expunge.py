"""EXPUNGE and UID EXPUNGE. What is gone is announced with everything else, at the end of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import view
from pillarbox.imap.commands.numbers import spans
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.progress import Progress
from pillarbox.imap.wire import expunge as wire
from pillarbox.model import masks
from pillarbox.model.flags import DELETED
from pillarbox.store import changes, flags, messages

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.model.numbers import Runs


async def expunge(session: Session, tag: bytes, command: wire.Expunge) -> Outcome:
    session.require_writable()
    mailbox = session.selected.shown.mailbox
    with Progress(session, tag):
        await expunge_all(session, mailbox)
    return Done("EXPUNGE completed")


async def expunge_all(session: Session, mailbox: int) -> None:
    """Expunge what has \\Deleted. Where that is is told by the columns: no index of the database knows."""
    store, account = session.store, session.account
    wanted = await store.read(account, flags.having, mailbox, DELETED)
    runs: Runs = ()
    columns = None
    if wanted:
        columns = await store.columns(account, session.actor, mailbox)
        places = masks.spans_of_flag_sets(columns.flag_sets, wanted)
        runs = changes.coarse(tuple((columns.uids[start], columns.uids[stop - 1]) for start, stop in places))
    await store.write(account, messages.expunge, session.actor, mailbox, runs, columns)


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
