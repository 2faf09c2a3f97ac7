"""The door of the MX: how much a network may do, and a session, and what is found out about a stranger.

A network that did too much is told to come again (421, 450): its mail waits at the other side, not lost.
Who asks for many recipients that nobody is (a directory harvest) is told nothing more of who is here.
Networks that are exempt are neither counted nor asked about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from pillarbox.delivery.disposition import Reject, judge
from pillarbox.delivery.inside import is_inside
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.reception.reception import Caller, Found, Reception
from pillarbox.delivery.steps.listed import Ask
from pillarbox.identity.pool import network
from pillarbox.identity.rates import Did, Kind, Meter
from pillarbox.net.session import Peer
from pillarbox.smtp.stand_in import Networks
from pillarbox.smtp.wire.reply import Reply, reply

MAX_REMEMBERED = 10_000  # addresses

TOO_MUCH = reply(421, "4.7.0", "Your network does too much here, try again later")
SLOWER = Outcome(450, "4.7.1", "Your network sends too much for now, try again later")
HARVESTED = reply(421, "4.7.0", "Too many recipients that nobody is")
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors")


@dataclass(frozen=True, slots=True)
class Rules:
    """`unknown`, `errors`: of one session, 0 for any number. `exempt`: networks of friends."""

    unknown: int = 20
    errors: int = 50
    exempt: Networks = ()


class Door:
    """`did` counts, here and in the other processes; `reception` is None where nothing is asked."""

    def __init__(
        self,
        meter: Meter,
        did: Callable[[Did], None],
        rules: Rules = Rules(),
        *,
        clock: Callable[[], float],
        reception: Reception | None = None,
    ) -> None:
        self.rules = rules
        self._meter = meter
        self._did = did
        self._clock = clock
        self._reception = reception
        self._networks: dict[str, str] = {}  # what has been found out

    def opened(self, client: Peer) -> Reply | None:
        """Why nobody from there comes in now."""
        where = self._where(client)
        over = any(self._is_over(kind, where) for kind in _CLOSING)
        self._count("connections", where)
        return TOO_MUCH if over else None

    def message(self, client: Peer) -> Outcome | None:
        return self._one_more("messages", client)

    def recipient(self, client: Peer) -> Outcome | None:
        where = self._where(client)
        return SLOWER if self._is_over("unknown", where) else self._one_more("recipients", client)

    def unknown(self, client: Peer) -> None:
        self._count("unknown", self._where(client))

    def error(self, client: Peer) -> None:
        self._count("errors", self._where(client))

    def is_stranger(self, client: Peer) -> bool:
        """Whether anything is to be asked about it. Outside nobody knows of our own networks."""
        where = self._where(client) if self._reception is not None else ""
        return bool(where) and not is_inside(ip_address(client.address))

    def lists(self, client: Peer) -> Ask | None:
        """For names in the content of a stranger's mail."""
        return None if self._reception is None or not self.is_stranger(client) else self._reception.named

    async def about(self, caller: Caller) -> tuple[Found, ...]:
        return () if self._reception is None else await self._reception.about(caller)

    async def refusal(
        self, caller: Caller, found: tuple[Found, ...], recipient: str, *, postmaster: bool
    ) -> Outcome | None:
        """Why the caller's mail is not taken for this recipient."""
        # RFC 5321 4.5.1: who is refused by mistake must be able to say so to somebody.
        if postmaster or self._reception is None:
            return None
        disposition = judge(found)
        if not isinstance(disposition, Reject):
            disposition = judge(await self._reception.greets(caller, recipient))
        return disposition.outcome if isinstance(disposition, Reject) else None

    def _one_more(self, kind: Kind, client: Peer) -> Outcome | None:
        where = self._where(client)
        if self._is_over(kind, where):
            return SLOWER
        self._count(kind, where)
        return None

    def _is_over(self, kind: Kind, where: str) -> bool:
        return bool(where) and self._meter.is_over(kind, where, self._clock())

    def _count(self, kind: Kind, where: str) -> None:
        if where:
            self._did(Did(kind, where))

    def _where(self, client: Peer) -> str:
        """What counts as one; "" for who is exempt."""
        where = self._networks.get(client.address)
        if where is None:
            if len(self._networks) >= MAX_REMEMBERED:
                self._networks.clear()
            where = self._networks[client.address] = self._network(client.address)
        return where

    def _network(self, text: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            return ""  # a Unix socket
        return "" if any(address in each for each in self.rules.exempt) else network(text)


_CLOSING: tuple[Kind, ...] = ("connections", "unknown", "errors")
