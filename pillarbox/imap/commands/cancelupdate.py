"""CANCELUPDATE: the results of some earlier searches are no longer kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap.outcome import Done, Outcome
from pillarbox.imap.wire import cancelupdate as wire
from pillarbox.model.errors import Code

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


async def cancelupdate(session: Session, tag: bytes, command: wire.CancelUpdate) -> Outcome:
    # No updates come for any of them afterwards, also where one of the others was none.
    known = [session.contexts.cancel(one) for one in dict.fromkeys(command.tags)]
    if not all(known):
        return Done("No command with such a tag has updates", Code.NONEXISTENT, condition="NO")
    return Done("CANCELUPDATE completed")
