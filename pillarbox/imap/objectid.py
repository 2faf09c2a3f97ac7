"""OBJECTID+: identifiers in one compound, and mailboxes opened by them.

After draft-ietf-mailmaint-imap-objectid-bis-06 (22 July 2026), work in progress towards what takes the place
of RFC 8474. A client switches it on with ENABLE or by using any of it; until then all is as in RFC 8474.
"""

# Deviates: draft-ietf-mailmaint-imap-objectid-bis-06 6.1 wants all flags but \Deleted and \Recent to be
# the same on all messages with one EMAILID, so that STORE on a copy changes the others. Here each copy has
# its own flags: RFC 8474 5.1, which holds for all other clients of the account, has copies keep their EMAILID
# and lets their flags differ, and nobody expects a change in a mailbox that has not been touched.

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap.wire.capability import Enabled
from pillarbox.imap.wire.response import MailboxId, ObjectIdCode
from pillarbox.model import ids

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

NAME = "OBJECTID+"


def activate(session: Session) -> None:
    """The client uses a part of it. That is told before all else that the command is answered, also when it
    is refused: it stays on (section 2.2), until UNAUTHENTICATE ends what the draft calls the session."""
    if NAME not in session.enabled:
        session.enabled.add(NAME)
        session.first.append(Enabled((NAME,)))


def of_mailbox(session: Session, mailbox: int) -> str:
    """What stands in the parentheses (section 3): all mailboxes a session sees are its account's."""
    return f"MAILBOXID {ids.spell(ids.Kind.MAILBOX, mailbox)} ACCOUNTID {ids.spell_account(session.account)}"


def code(session: Session, mailbox: int) -> MailboxId | ObjectIdCode:
    """The response code of SELECT, EXAMINE and CREATE: section 2.2, or RFC 8474 4.1, 4.2."""
    if NAME in session.enabled:
        return ObjectIdCode(of_mailbox(session, mailbox))
    return MailboxId(ids.spell(ids.Kind.MAILBOX, mailbox))


def renamed_code(session: Session, mailbox: int) -> ObjectIdCode | None:
    """Section 7.3. RFC 8474 has RENAME say nothing."""
    return ObjectIdCode(of_mailbox(session, mailbox)) if NAME in session.enabled else None


def named(session: Session, pairs: tuple[tuple[str, str], ...]) -> int | None:
    """The number of the mailbox that the parameter of SELECT identifies (section 7.1), whether or not there
    is one; None where it can be none of this account's. Keys that are no mailbox's are passed over."""
    mailboxes = {value for key, value in pairs if key == "MAILBOXID"}
    accounts = {value for key, value in pairs if key == "ACCOUNTID"}
    if len(mailboxes) != 1 or not accounts <= {ids.spell_account(session.account)}:
        return None
    return ids.read(ids.Kind.MAILBOX, mailboxes.pop())
