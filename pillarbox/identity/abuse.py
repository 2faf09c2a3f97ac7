"""Who guesses: how much has failed, who has to wait, and who is shut out. Numbers alone, no IO, no clock.

Theory of operation. What fails is counted in a `Tally` for

    network   an IPv4 address, an IPv6 /64      its next guesses wait, and at last are not looked at: a ban
    account   a name, whether it exists or not  guesses at it wait, no more: strangers lock nobody out
    pair      an account and a network it has   it waits for itself alone, and no ban of the network holds for
              logged in from                    it, until it fails too often itself
    code      an account whose password was     no code is taken for a while
              right, but not the code

A tally runs dry with time. One ledger is the truth, held by the parent; each worker has another that takes
its own failures at once and is told what the truth is. All of it can be lost: that costs guesses,
not mail.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

MAX_TALLIES = 50_000  # of a kind: some 10 MB; those touched last are kept
FIRST_DELAY = 0.5  # seconds; doubled by each further failure
PAIR_FAILURES = 5  # after which a pair is no better than a stranger
FORGOTTEN = 86_400.0  # seconds after a ban has ended in which the next one is longer
FAMILIAR = 30 * 86_400.0  # seconds that a network is remembered to be an account's
NOTED = 3_600.0  # seconds within which coming again is no news
IPV6_NETWORK = 64  # RFC 6177 1: nobody is given less

ORDERED = "ordered"  # the reason of a ban that is an administrator's

NETWORK, ACCOUNT, PAIR, CODE = "network", "account", "pair", "code"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Rules:
    """`ban_after` failures within `window` seconds shut a network out for `ban` seconds, and for twice as
    long each time again, up to `longest_ban`. From the failure after `delay_after` on each guess waits,
    longer and longer, up to `longest_delay`. `codes`: wrong ones of a second factor. Networks in `exempt`
    are never counted."""

    delay_after: int = 3
    longest_delay: float = 10.0
    ban_after: int = 20
    window: float = 3_600.0
    ban: float = 900.0
    longest_ban: float = 86_400.0
    codes: int = 10
    exempt: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """`level` failures at the moment `at`; out until `until`, for the `bans`th time; `came`: when a pair
    logged in last."""

    kind: str
    key: str
    level: float = 0.0
    at: float = 0.0
    until: float = 0.0
    bans: int = 0
    since: float = 0.0
    reason: str = ""
    came: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """What has happened to somebody who wanted to be `name`, which is folded. "code": his password was
    right, his code was not."""

    event: Literal["came", "failed", "code"]
    network: str
    name: str


class Ledger:
    __slots__ = ("_exempt", "_kinds", "_rules", "_wide")

    def __init__(self, rules: Rules = Rules()) -> None:
        self._kinds: dict[str, dict[str, Tally]] = {NETWORK: {}, ACCOUNT: {}, PAIR: {}, CODE: {}}
        self._wide: dict[str, Network] = {}  # those of the networks that are larger than one that is counted
        self._exempt: dict[str, bool] = {}  # what has been found out
        self._rules = rules

    @property
    def rules(self) -> Rules:
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        self._exempt.clear()

    # Asking

    def delay(self, network: str, name: str, now: float) -> float:
        """Seconds that the next guess waits."""
        if self.is_exempt(network):
            return 0.0
        if self.is_familiar(network, name, now):
            return self._delay(self._level(PAIR, _pair(network, name), now))
        return max(
            self._delay(self._level(NETWORK, network, now)), self._delay(self._level(ACCOUNT, name, now))
        )

    def is_banned(self, network: str, name: str, now: float) -> bool:
        """Whether a guess at this name is not to be looked at."""
        if self.is_closed(network, now):
            return True
        if self.is_exempt(network) or self._get(NETWORK, network).until <= now:
            return False
        return not self.is_familiar(network, name, now)

    def is_closed(self, network: str, now: float) -> bool:
        """Whether an administrator has shut it: then nobody comes in, by whatever password."""
        if not network:
            return False
        holding = [self._kinds[NETWORK].get(network)]
        holding += [self._get(NETWORK, key) for key, wide in self._wide.items() if _within(network, wide)]
        return any(each is not None and each.reason == ORDERED and each.until > now for each in holding)

    def takes_codes(self, name: str, now: float) -> bool:
        return self._get(CODE, name).until <= now

    def is_familiar(self, network: str, name: str, now: float) -> bool:
        """Whether this account has logged in from there, and has not failed there too often since."""
        pair = self._get(PAIR, _pair(network, name))
        return 0.0 < pair.came > now - FAMILIAR and self._drained(pair, now) < PAIR_FAILURES

    def is_exempt(self, network: str) -> bool:
        """What has no address comes from this machine."""
        known = self._exempt.get(network)
        if known is None:
            known = not network or any(_within(network, each) for each in self._rules.exempt)
            if len(self._exempt) >= MAX_TALLIES:
                self._exempt.clear()
            self._exempt[network] = known
        return known

    def bans(self, now: float) -> list[Tally]:
        """Of networks, by their names."""
        return sorted((each for each in self._kinds[NETWORK].values() if each.until > now), key=_by_key)

    # Taking note

    def take(self, note: Note, now: float) -> list[Tally]:
        """Count it; the tallies that have changed."""
        if note.event == "came":
            return self._came(note, now)
        if note.event == "code":
            return [self._code_failed(note.name, now)]
        if self.is_exempt(note.network):
            return []
        changed = []
        if self._get(PAIR, _pair(note.network, note.name)).came:
            familiar = self.is_familiar(note.network, note.name, now)
            changed.append(self._failed(PAIR, _pair(note.network, note.name), now))
        else:
            familiar = False
        if not familiar:
            changed.append(self._failed(ACCOUNT, note.name, now))
        network = self._failed(NETWORK, note.network, now)
        if ceil(network.level) >= self.rules.ban_after and network.until <= now:
            network = self._shut(network, now, self.rules.ban, f"{ceil(network.level)} failed logins")
        return [*changed, network]

    def ban(self, network: str, now: float, seconds: float) -> Tally:
        """Shut a network of any size, as an administrator wants."""
        return self._put(replace(self._get(NETWORK, network), until=now + seconds, since=now, reason=ORDERED))

    def lift(self, network: str, now: float) -> Tally:
        """As if nothing had failed there."""
        return self._put(Tally(NETWORK, network, at=now))

    def put(self, tallies: Iterable[Tally]) -> None:
        """What another ledger knows better."""
        for each in tallies:
            self._put(each)

    def __iter__(self) -> Iterator[Tally]:
        for kind in self._kinds.values():
            yield from kind.values()

    # Inside

    def _came(self, note: Note, now: float) -> list[Tally]:
        if self.is_exempt(note.network):
            return []
        pair = self._get(PAIR, _pair(note.network, note.name))
        if 0.0 < pair.came > now - NOTED and not self._drained(pair, now):
            return []
        return [self._put(replace(pair, level=0.0, at=now, came=now))]

    def _code_failed(self, name: str, now: float) -> Tally:
        tally = self._failed(CODE, name, now)
        if ceil(tally.level) >= self.rules.codes:
            return self._shut(tally, now, self.rules.window, "wrong codes")
        return tally

    def _failed(self, kind: str, key: str, now: float) -> Tally:
        tally = self._get(kind, key)
        return self._put(replace(tally, level=self._drained(tally, now) + 1, at=now))

    def _shut(self, tally: Tally, now: float, seconds: float, reason: str) -> Tally:
        bans = tally.bans + 1 if now < tally.until + FORGOTTEN else 1
        longest = max(seconds, self.rules.longest_ban)
        until = now + min(seconds * 2 ** min(bans - 1, 20), longest)
        return self._put(replace(tally, level=0.0, bans=bans, since=now, until=until, reason=reason))

    def _level(self, kind: str, key: str, now: float) -> int:
        return ceil(self._drained(self._get(kind, key), now))

    def _drained(self, tally: Tally, now: float) -> float:
        return max(0.0, tally.level - max(0.0, now - tally.at) * self.rules.ban_after / self.rules.window)

    def _delay(self, level: int) -> float:
        over = level - self.rules.delay_after  # the first that waits is the one after so many
        return min(self.rules.longest_delay, FIRST_DELAY * float(2 ** min(over, 20))) if over >= 0 else 0.0

    def _get(self, kind: str, key: str) -> Tally:
        return self._kinds[kind].get(key) or Tally(kind, key)

    def _put(self, tally: Tally) -> Tally:
        tallies = self._kinds[tally.kind]
        tallies.pop(tally.key, None)
        if len(tallies) >= MAX_TALLIES:
            # A ban is not to be pushed out by many small failures elsewhere, if there is a way.
            first = next((key for key, each in tallies.items() if each.until <= tally.at), None)
            del tallies[next(iter(tallies)) if first is None else first]
        tallies[tally.key] = tally
        if tally.kind == NETWORK and (wide := maybe_wide(tally.key)) is not None:
            if tally.until:
                self._wide[tally.key] = wide
            else:
                self._wide.pop(tally.key, None)
        return tally


def spelled(text: str) -> str:
    """A network as it is known here: an address, an IPv6 /64, or what is larger. ValueError if it is none."""
    parsed = ipaddress.ip_network(text, strict=False)
    if parsed.version == 4:
        return str(parsed.network_address) if parsed.prefixlen == 32 else str(parsed)
    return str(parsed.supernet(new_prefix=IPV6_NETWORK) if parsed.prefixlen > IPV6_NETWORK else parsed)


def maybe_wide(network: str) -> Network | None:
    """What holds more than one of those that are counted."""
    parsed = ipaddress.ip_network(network)
    return parsed if parsed.prefixlen < (32 if parsed.version == 4 else IPV6_NETWORK) else None


def _within(network: str, wide: Network) -> bool:
    parsed = ipaddress.ip_network(network)
    return parsed.version == wide.version and (
        int(parsed.network_address) & int(wide.netmask) == int(wide.network_address)
        if parsed.prefixlen >= wide.prefixlen
        # ::1 alone is not a /64, but nobody else is in the /64 it is in.
        else wide.network_address in parsed and wide.is_loopback
    )


def _pair(network: str, name: str) -> str:
    return f"{network} {name}"


def _by_key(tally: Tally) -> str:
    return tally.key
