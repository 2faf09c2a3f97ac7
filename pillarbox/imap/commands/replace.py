"""REPLACE and UID REPLACE: one message takes the place of another, in this mailbox or in a different one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import view
from pillarbox.imap.commands.upload import Upload
from pillarbox.imap.outcome import Done, Outcome, UidRequired
from pillarbox.imap.table import TABLE
from pillarbox.imap.wire import replace as wire
from pillarbox.imap.wire.response import AppendUid, ok
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import STAR
from pillarbox.store import messages
from pillarbox.store.messages import Incoming

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.wire.command import Split
    from pillarbox.store.mailboxes import MailboxRow


async def replace(session: Session, tag: bytes, command: wire.Replace) -> Outcome:
    """A REPLACE without literals (RFC 8508 4.2)."""
    row = TABLE["UID REPLACE" if command.uid else "REPLACE"]
    return await Upload(session, tag, row, command.append, Replacing(session, command)).whole()


def maybe_replace(session: Session, pieces: list[bytes], head: Split) -> Upload | None:
    """As `append.maybe_append`."""
    command = wire.head(pieces, head.start, session.kind.utf8, uid=head.name == "UID REPLACE")
    if command is None:
        return None
    return Upload(session, head.tag, TABLE[head.name], command.append, Replacing(session, command))


class Replacing:
    __slots__ = ("_command", "_session", "_uid")
    several = False  # RFC 8508 4.7

    def __init__(self, session: Session, command: wire.Replace) -> None:
        self._session = session
        self._command = command
        self._uid = 0

    def look(self) -> None:
        self._session.require_writable()
        if self._session.kind.uid_only and not self._command.uid:
            raise UidRequired  # RFC 9586 3
        shown, number = self._session.selected, self._command.number
        if self._command.uid and number != STAR:
            self._uid = number  # the store knows also what this session has not been told of
            return
        if number == STAR and self._command.uid and not shown.exists:
            raise Refused("There is no message to be replaced", Code.NONEXISTENT)
        [(place, _)] = view.by_number(shown, ((number, number),))
        self._uid = shown.shown.uids[place]

    async def put(self, mailbox: MailboxRow, incoming: list[Incoming]) -> Outcome:
        session = self._session
        appended = await session.store.write(
            session.account,
            messages.replace,
            session.actor,
            session.selected.shown.mailbox,
            self._uid,
            mailbox.id,
            incoming[0],
        )
        # RFC 8508 4.3: before the EXPUNGE, so that a client knows what replaced the message when it goes.
        uids = ((appended.uid, appended.uid),)
        session.saved(mailbox.id, uids)
        told = ok(None, "Replaced", AppendUid(appended.uidvalidity, uids))
        return Done("REPLACE completed", data=(told,))
