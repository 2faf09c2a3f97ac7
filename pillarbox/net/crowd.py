"""How many may be here at once: in all, from one address, and of those who have not logged in.

A stranger is a connection that has said nobody's password yet, half a TLS handshake included. When there are
too many, the one that has been here longest goes, of the network that has most of them: whoever logs in at
once is never kept out by those who only hold the door. And no stranger stays for long, whatever he says.
Other mail servers never log in. They may be half of all, so that they leave room for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel


class Guest(Protocol):
    """A connection, as its `Driver` has it."""

    @property
    def peer(self) -> Peer: ...

    def abort(self) -> None: ...

    def expire(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Connections of one process. `stay`: seconds that a stranger has to log in."""

    all: int = 20_000  # memory: 30 KiB each under TLS
    each: int = 1_000  # of one network: an office of a hundred people with ten connections each
    strangers: int = 2_000
    strangers_each: int = 200
    stay: float = 180.0


class Crowd:
    """`network` names what counts as one, '' for those that are counted in all only."""

    def __init__(
        self, wheel: Wheel, bounds: Bounds = Bounds(), network: Callable[[Peer], str] = lambda peer: ""
    ) -> None:
        self.bounds = bounds
        self.slot = 0
        self._wheel = wheel
        self._network = network
        self._each: dict[str, int] = {}
        self._from: dict[Guest, str] = {}  # as it was when he came: what counts as one may change
        self._strangers: dict[str, dict[Guest, float]] = {}  # by network, those who came first first
        self._count = 0
        self._servers: set[Guest] = set()  # those who need not log in

    @property
    def strangers(self) -> int:
        return self._count

    def is_full(self, peer: Peer, *, stranger: bool = True) -> bool:
        """Whether nobody from there may come in now. `stranger`: he would have to log in."""
        if not stranger and len(self._servers) >= max(1, self.bounds.all // 2):
            return True
        network = self._network(peer)
        return len(self._from) >= self.bounds.all or bool(
            network and self._each.get(network, 0) >= self.bounds.each
        )

    def came(self, guest: Guest, *, stranger: bool) -> None:
        network = self._from[guest] = self._network(guest.peer)
        self._each[network] = self._each.get(network, 0) + 1
        if not stranger:
            self._servers.add(guest)
            return
        self._make_room(network)
        self._strangers.setdefault(network, {})[guest] = now = self._wheel.now()
        self._count += 1
        if not self.slot:
            self._wheel.arm(self, now + self.bounds.stay)

    def known(self, guest: Guest) -> None:
        """He has logged in."""
        network = self._from[guest]
        strangers = self._strangers.get(network)
        if strangers is not None and strangers.pop(guest, None) is not None:
            self._count -= 1
            if not strangers:
                del self._strangers[network]

    def gone(self, guest: Guest) -> None:
        self.known(guest)
        self._servers.discard(guest)
        network = self._from.pop(guest)
        self._each[network] -= 1
        if not self._each[network]:
            del self._each[network]

    def overdue(self, now: float) -> float | None:
        """For the wheel: have those go that have been strangers for too long."""
        firsts = []
        for strangers in tuple(self._strangers.values()):
            for guest, since in tuple(strangers.items()):
                if now < since + self.bounds.stay:
                    firsts.append(since)
                    break
                self.known(guest)
                guest.expire()
        return min(firsts) + self.bounds.stay if firsts else None

    def _make_room(self, network: str) -> None:
        own = self._strangers.get(network, {})
        if network and len(own) >= self.bounds.strangers_each:
            self._send_away(network)
        elif self._count >= self.bounds.strangers:
            # Mostly the one who comes is of those who are too many, and nobody has to be looked for.
            share = self._count / len(self._strangers)
            most = network if own and len(own) >= share else max(self._strangers, key=self._size)
            self._send_away(most)

    def _size(self, network: str) -> int:
        return len(self._strangers[network])

    def _send_away(self, network: str) -> None:
        guest = next(iter(self._strangers[network]))
        self.known(guest)
        guest.abort()
