"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import objectid
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import mailbox as wire
from pillarbox.imap.wire.encode import Response
from pillarbox.imap.wire.list import Listed
from pillarbox.imap.wire.response import Mark, ok
from pillarbox.model.errors import Code, Refused
from pillarbox.model.names import Role
from pillarbox.store import mailboxes, subscriptions
from pillarbox.store.mailboxes import MailboxRow

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

_ROLES = {role.value.lower(): role for role in Role}
# RFC 6154 2: these are views of other mailboxes; here nothing would ever be in them.
_NOT_CREATED = (Role.ALL, Role.FLAGGED)


async def create(session: Session, tag: bytes, command: wire.Create) -> Outcome:
    role = None
    for use in command.uses:
        role = _ROLES.get(use.lower())
        if role is None or role in _NOT_CREATED or len(command.uses) > 1:
            # RFC 6154 3: a mailbox has one use here, and some uses cannot be given.
            raise Refused("The special use cannot be given", Code.USEATTR)
    row = await session.store.write(session.account, mailboxes.create, session.actor, command.mailbox, role)
    if session.notified is not None:
        session.notified.watch.named(made=row.path)
    code = objectid.code(session, row.id)
    return Done("CREATE completed", code, _renamed(session, row, command.old_name))


def _renamed(session: Session, row: MailboxRow, old_name: str | None) -> tuple[Response, ...]:
    """RFC 9051 6.3.9.7: a client that spelled the name otherwise than it is kept is told."""
    if old_name is None or not session.kind.rev2:
        return ()
    return (Listed(row.path, old_name=old_name),)


async def delete(session: Session, tag: bytes, command: wire.Delete) -> Outcome:
    store, account, actor = session.store, session.account, session.actor
    row = await store.read(account, mailboxes.require, actor, command.mailbox)
    await store.write(account, mailboxes.delete, actor, command.mailbox)
    if session.notified is not None:
        session.notified.watch.named(gone=row.path)
    if session.view is not None and session.view.shown.mailbox == row.id:
        session.leave()
        return Done("DELETE completed", data=(ok(None, "The selected mailbox is closed", Mark.CLOSED),))
    return Done("DELETE completed")


async def rename(session: Session, tag: bytes, command: wire.Rename) -> Outcome:
    row = await session.store.write(
        session.account, mailboxes.rename, session.actor, command.source, command.target
    )
    if session.notified is not None:
        session.notified.watch.named(made=row.path, gone=command.source)
    code = objectid.renamed_code(session, row.id)
    return Done("RENAME completed", code, _renamed(session, row, command.old_name))


async def subscribe(session: Session, tag: bytes, command: wire.Subscribe) -> Outcome:
    await session.store.write(session.account, subscriptions.subscribe, session.actor, command.mailbox)
    if session.notified is not None:
        session.notified.watch.subscribed(command.mailbox, True)
    return Done("SUBSCRIBE completed")


async def unsubscribe(session: Session, tag: bytes, command: wire.Unsubscribe) -> Outcome:
    await session.store.write(session.account, subscriptions.unsubscribe, session.actor, command.mailbox)
    if session.notified is not None:
        session.notified.watch.subscribed(command.mailbox, False)
    return Done("UNSUBSCRIBE completed")
