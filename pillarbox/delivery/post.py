"""The post office as protocols see it: whom mail is taken for, and one answer for each of them.

    accepted = post.accept("kim@example.test")       # or the Outcome that says why not
    arriving = post.begin(Letter(...))
    await arriving.write(piece)                       # as often as needed
    outcomes = await arriving.finish()                # or arriving.abandon()

An address may lead to several accounts: each is delivered to by `deliver`, and the sender hears of it once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pillarbox.delivery.deliver import Delivery, Incoming
from pillarbox.delivery.envelope import Addressed, Envelope, Origin
from pillarbox.delivery.outcome import LOOPING, NO_RELAY, NO_ROUTE, UNKNOWN_USER, Outcome, combined
from pillarbox.identity.directory import Recipient
from pillarbox.identity.routes import Expansion, Nowhere


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient as the sender wrote it, and the accounts it comes to."""

    path: str
    local: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a protocol says of a message. `id` names this arrival in Received and in the log."""

    sender: str
    recipients: tuple[Accepted, ...]
    id: str
    origin: Origin | None = None
    binary: bool = False


class Post:
    """`expand` says where mail for an address goes."""

    def __init__(self, delivery: Delivery, expand: Callable[[str], Expansion | Nowhere]) -> None:
        self._delivery = delivery
        self._expand = expand

    @property
    def limit(self) -> int:
        """Octets of a message."""
        return self._delivery.limit

    def accept(self, path: str) -> Accepted | Outcome:
        if "@" not in path:  # RFC 5321 4.1.1.3: only <Postmaster>
            path = f"{path}@{self._delivery.hostname}"
        found = self._expand(path)
        if isinstance(found, Nowhere):
            return LOOPING if found is Nowhere.CIRCLES else UNKNOWN_USER
        if any(not remote.by for remote in found.remote):
            return NO_RELAY
        if found.remote:
            return NO_ROUTE
        return Accepted(path, found.local)

    def begin(self, letter: Letter) -> "Arriving":
        return Arriving(self._delivery, letter)


class Arriving:
    """One message on its way in."""

    __slots__ = ("_incoming", "letter")

    def __init__(self, delivery: Delivery, letter: Letter) -> None:
        self.letter = letter
        addressed = tuple(Addressed(to.path, each) for to in letter.recipients for each in to.local)
        envelope = Envelope(letter.sender, addressed, letter.id, letter.origin, binary=letter.binary)
        self._incoming: Incoming = delivery.begin(envelope)

    @property
    def failure(self) -> Outcome | None:
        return self._incoming.failure

    @property
    def size(self) -> int:
        return self._incoming.size

    async def write(self, piece: bytes) -> None:
        await self._incoming.write(piece)

    async def finish(self) -> list[Outcome]:
        """One outcome for each accepted recipient."""
        outcomes = iter(await self._incoming.finish())
        return [combined([next(outcomes) for _ in to.local]) for to in self.letter.recipients]

    def abandon(self) -> None:
        self._incoming.abandon()
