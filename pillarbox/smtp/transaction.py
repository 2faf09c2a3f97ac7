"""One mail transaction: from MAIL to the replies (RFC 5321 3.3)."""

from dataclasses import dataclass, field

from pillarbox.delivery.post import Accepted, Arriving
from pillarbox.delivery.reception.reception import Found
from pillarbox.delivery.wishes import NONE, Wishes
from pillarbox.smtp.address import Path


@dataclass(slots=True)
class Transaction:
    """`incoming` is there once content comes; `chunks` says that it comes by BDAT."""

    sender: Path | None
    utf8: bool
    binary: bool = False
    ret: str = ""
    envid: str = ""
    wishes: Wishes = NONE
    known: tuple[Found, ...] | None = None  # about the client; None: not asked yet
    requires_tls: bool = False
    recipients: list[Accepted] = field(default_factory=list)
    incoming: Arriving | None = None
    chunks: bool = False
