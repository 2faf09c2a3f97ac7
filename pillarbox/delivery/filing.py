"""The verb that files a message: one transaction finds the mailbox, appends, and remembers having done so."""

from pillarbox.model.actors import Actor
from pillarbox.model.flags import SEEN, FlagSet
from pillarbox.model.names import INBOX, Role, normalise
from pillarbox.store import mailboxes, messages, remembered
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.messages import Appended
from pillarbox.store.staged import Staged
from pillarbox.store.tx import Tx

REMEMBERED_SECONDS = 14 * 86_400  # longer than any queue tries again


def file(
    tx: Tx,
    actor: Actor,
    staged: Staged,
    path: str,
    flags: FlagSet = (),
    key: bytes | None = None,
    role: Role | None = None,
) -> Appended | None:
    """Append to the mailbox for `role`, else to the one that `path` means, or to INBOX. None when `key` says
    that this was done before."""
    if key is not None and remembered.find(tx, remembered.Kind.DELIVERY, key) is not None:
        return None
    mailbox = _for_role(tx, actor, role) or _locate(tx, actor, path)
    appended = messages.append(tx, actor, mailbox.id, staged, flags)
    if key is not None:
        remembered.remember(tx, remembered.Kind.DELIVERY, key, REMEMBERED_SECONDS)
    return appended


def _for_role(tx: Tx, actor: Actor, role: Role | None) -> MailboxRow | None:
    if role is None:
        return None
    fits = (row for row in mailboxes.list_all(tx, actor) if row.role is role and row.selectable)
    return next(fits, None)


def _locate(tx: Tx, actor: Actor, path: str) -> MailboxRow:
    """The mailbox of this name, in any case if only one fits, else INBOX."""
    found = mailboxes.find(tx, actor, path)
    if found is None:
        # Only who has no such mailbox pays for looking at all of them.
        folded = normalise(path).casefold()
        alike = [row for row in mailboxes.list_all(tx, actor) if row.path.casefold() == folded]
        found = alike[0] if len(alike) == 1 else None
    if found is None or not found.selectable:
        return mailboxes.require(tx, actor, INBOX)
    return found


def file_sent(tx: Tx, actor: Actor, staged: Staged) -> Appended | None:
    """Append to the mailbox for sent mail, as read; None where there is none."""
    for row in mailboxes.list_all(tx, actor):
        if row.role == Role.SENT and row.selectable:
            return messages.append(tx, actor, row.id, staged, (SEEN,))
    return None
