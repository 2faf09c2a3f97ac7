"""Who a message is from and for, and how it came here. Content is not looked at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.identity.directory import Recipient

if TYPE_CHECKING:
    from pillarbox.delivery.steps import Evidence
    from pillarbox.delivery.steps.authentication import Watch
    from pillarbox.delivery.steps.listed import Ask


@dataclass(frozen=True, slots=True)
class Origin:
    """The connection a message came over, for the Received field (RFC 5321 4.4)."""

    helo: str  # as the client called itself: a domain or an address literal
    address: str  # IP address of the client; "" for a Unix socket
    protocol: str  # the "with" clause: a registered name (RFC 3848, RFC 6531 4.3)
    tls: str = ""  # version and cipher, for people


@dataclass(frozen=True, slots=True)
class Addressed:
    """One recipient: as the sender wrote it, and who that is here."""

    path: str
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Envelope:
    """`sender` is "" for the null reverse-path. `id` names this arrival in Received and in the log.

    `trace` is given by who may hand the same message over again (a queue): for each recipient it is
    delivered once under the same trace id, however often it comes.
    """

    sender: str
    recipients: tuple[Addressed, ...]
    id: str
    origin: Origin | None = None  # None: handed over on this machine
    trace: str | None = None
    binary: bool = False  # not lines: no line end is touched (RFC 3030 3)
    priority: int = 0  # RFC 6710
    known: tuple["Evidence", ...] = ()  # found out before the content came
    listed: "Ask | None" = None  # looks names up in block lists; None where none are asked


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a step sees: one message for one recipient. `header`: the message's own, as far as kept. `watch`
    has seen all of it, where it is asked who it is from."""

    envelope: Envelope
    to: Addressed
    header: bytes
    watch: "Watch | None" = None
