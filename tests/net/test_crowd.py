"""Who has to go when there are too many."""

from dataclasses import dataclass, field

from pillarbox.net.crowd import Bounds, Crowd
from pillarbox.net.session import Peer
from pillarbox.net.wheel import Wheel


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class StillWheel(Wheel):
    """Turned by hand."""

    def arm(self, timed: object, due: float) -> None:
        self.due = due


@dataclass(eq=False)
class Guest:
    crowd: Crowd
    address: str
    ended: list[str] = field(default_factory=list)

    @property
    def peer(self) -> Peer:
        return Peer(self.address)

    def abort(self) -> None:
        self.ended.append("aborted")
        self.crowd.gone(self)

    def expire(self) -> None:
        self.ended.append("expired")
        self.crowd.gone(self)


def crowd(**bounds: float) -> tuple[Crowd, Clock]:
    clock = Clock()
    return Crowd(StillWheel(clock), Bounds(**bounds), lambda peer: peer.address), clock  # type: ignore[arg-type]


def come(crowd: Crowd, address: str, *, stranger: bool = True) -> Guest:
    guest = Guest(crowd, address)
    crowd.came(guest, stranger=stranger)
    return guest


def test_there_is_room_for_so_many_in_all_and_from_one_network() -> None:
    here, _ = crowd(all=5, each=3)
    guests = [come(here, "a", stranger=False) for _ in range(3)]
    assert here.is_full(Peer("a")) and not here.is_full(Peer("b"))
    come(here, "b"), come(here, "c")
    assert here.is_full(Peer("b"))
    here.gone(guests[0])
    assert not here.is_full(Peer("a")) and not here.is_full(Peer("b"))


def test_the_oldest_stranger_of_a_network_makes_room_for_its_next() -> None:
    here, _ = crowd(strangers_each=2)
    first, second = come(here, "a"), come(here, "a")
    other = come(here, "b")
    third = come(here, "a")
    assert (first.ended, second.ended, third.ended, other.ended) == (["aborted"], [], [], [])
    assert here.strangers == 3


def test_the_network_with_most_strangers_makes_room_for_others() -> None:
    here, _ = crowd(strangers=10)
    many = [come(here, "a") for _ in range(8)]
    few = [come(here, "b"), come(here, "c")]
    newcomers = [come(here, address) for address in ("d", "e", "f")]
    assert [each.ended for each in many] == [["aborted"]] * 3 + [[]] * 5
    assert all(not each.ended for each in (*few, *newcomers))
    assert here.strangers == 10


def test_who_has_logged_in_is_never_sent_away() -> None:
    here, _ = crowd(strangers=3, strangers_each=3)
    kim = come(here, "a")
    here.known(kim)
    for _ in range(20):
        come(here, "a")
    assert not kim.ended
    assert here.strangers == 3


def test_no_stranger_stays_for_long() -> None:
    here, clock = crowd(stay=60.0)
    slow = come(here, "a")
    kim = come(here, "b")
    here.known(kim)
    clock.now += 30.0
    later = come(here, "b")
    assert here.overdue(clock.now + 29.0) == 160.0
    assert here.overdue(clock.now + 31.0) == clock.now + 60.0
    assert (slow.ended, kim.ended, later.ended) == (["expired"], [], [])
    assert here.overdue(clock.now + 61.0) is None
    assert later.ended == ["expired"]
