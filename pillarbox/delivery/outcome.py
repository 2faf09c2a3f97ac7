"""What became of a message for one recipient, in the words of a reply (RFC 5321 4.2, RFC 3463)."""

from dataclasses import dataclass

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
TROUBLE = Outcome(451, "4.3.0", "Something went wrong here, try again later")
UNKNOWN_USER = Outcome(550, "5.1.1", "There is no such user here")
TOO_BIG = Outcome(552, "5.3.4", "The message is too big")
NO_ROUTE = Outcome(451, "4.3.5", "Mail to other systems cannot be sent from here")


def of_refusal(refused: Refused) -> Outcome:
    """A refusal by the store. Only the quota may be a reason to give up for good: whatever else the
    store cannot do today is our trouble and no fault of the message."""
    if refused.code is Code.OVERQUOTA:
        if refused.temporary:
            return Outcome(452, "4.2.2", refused.text)
        return Outcome(552, "5.2.2", refused.text)
    return Outcome(451, "4.3.0", refused.text)
