"""One mail transaction: from MAIL to the replies (RFC 5321 3.3)."""

from dataclasses import dataclass, field

from pillarbox.delivery.deliver import Incoming
from pillarbox.delivery.envelope import Addressed
from pillarbox.smtp.address import Path


@dataclass(slots=True)
class Transaction:
    """`incoming` is there once content comes; `chunks` says that it comes by BDAT."""

    sender: Path | None
    utf8: bool
    recipients: list[Addressed] = field(default_factory=list)
    incoming: Incoming | None = None
    chunks: bool = False
