"""APPEND, of one message or several (RFC 3502). How they come in is in `upload`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap.commands.upload import Upload
from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.table import TABLE
from pillarbox.imap.wire import append as wire
from pillarbox.imap.wire.response import AppendUid
from pillarbox.model.numbers import runs_of
from pillarbox.store import messages
from pillarbox.store.messages import Incoming

if TYPE_CHECKING:
    from pillarbox.imap.session import Session
    from pillarbox.imap.wire.command import Split
    from pillarbox.store.mailboxes import MailboxRow


async def append(session: Session, tag: bytes, command: wire.Append) -> Outcome:
    """An APPEND without literals (RFC 4469)."""
    return await Upload(session, tag, TABLE["APPEND"], command, Appending(session)).whole()


def maybe_append(session: Session, pieces: list[bytes], head: Split) -> Upload | None:
    """The upload that begins here, unless the literal announced at the end of `pieces` is a name."""
    command = wire.head(pieces, head.start, session.kind.utf8)
    if command is None:
        return None
    return Upload(session, head.tag, TABLE[head.name], command, Appending(session))


@dataclass(frozen=True, slots=True)
class Appending:
    session: Session
    several = True

    def look(self) -> None:
        pass

    async def put(self, mailbox: MailboxRow, incoming: list[Incoming]) -> Outcome:
        """RFC 3502 6.3.11: all or none."""
        session = self.session
        appended = await session.store.write(
            session.account, messages.append_many, session.actor, mailbox.id, incoming
        )
        uids = runs_of(one.uid for one in appended)
        session.saved(mailbox.id, uids)
        return Done("APPEND completed", AppendUid(appended[0].uidvalidity, uids))
