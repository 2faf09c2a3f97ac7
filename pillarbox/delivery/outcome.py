"""What became of a message for one recipient, in the words of a reply (RFC 5321 4.2, RFC 3463)."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from pillarbox.model.errors import Code, Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` and `enhanced` for machines, `text` for people. 2: it is on disk; 4: come again; 5: never."""

    code: int
    enhanced: str
    text: str

    @property
    def delivered(self) -> bool:
        return self.code < 300


DELIVERED = Outcome(250, "2.1.5", "Delivered")
QUEUED = Outcome(250, "2.0.0", "Taken")
OVER_LIMIT = Outcome(450, "4.7.1", "You have sent as much as you may in an hour")
TROUBLE = Outcome(451, "4.3.0", "Something went wrong here, try again later")
NO_ANSWER = Outcome(451, "4.4.3", "The directory of that domain does not answer, try again later")
UNKNOWN_USER = Outcome(550, "5.1.1", "There is no such user here")
TOO_BIG = Outcome(552, "5.3.4", "The message is too big")
DISK_FULL = Outcome(452, "4.3.1", "There is no room for the message at the moment")
NO_RELAY = Outcome(550, "5.7.1", "That is nobody here, and this server does not relay")
LOOPING = Outcome(550, "5.4.6", "The address leads round in circles")
NO_ROUTE = Outcome(451, "4.3.5", "Mail to other systems cannot be sent from here")


def combined(outcomes: Sequence[Outcome]) -> Outcome:
    """The one answer for several: that of the worst off, and a sender that may come again before one that
    may not."""
    return max(outcomes, key=lambda outcome: (outcome.code >= 400, 400 <= outcome.code < 500))


def of_refusal(refused: Refused) -> Outcome:
    """A refusal by the store. Only the quota may be a reason to give up for good: whatever else the
    store cannot do today is our trouble and no fault of the message."""
    if refused.code is Code.OVERQUOTA:
        if refused.temporary:
            return Outcome(452, "4.2.2", refused.text)
        return Outcome(552, "5.2.2", refused.text)
    cause = refused.__cause__
    if isinstance(cause, apsw.FullError) or (
        isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    ):
        return DISK_FULL
    return Outcome(451, "4.3.0", refused.text)
