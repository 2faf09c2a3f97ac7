"""Asking the directories elsewhere: which one, whether at all, on which thread, and for how long at most."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

from pillarbox.identity.addresses import Address, fold_domain, maybe_address
from pillarbox.identity.claims import Unchecked
from pillarbox.identity.directory import Directory
from pillarbox.identity.outside import record
from pillarbox.identity.outside.source import Found, Source, Unreachable
from pillarbox.model.errors import Code

T = TypeVar("T")

MAX_WAITING = 200  # questions to one directory, also those that wait for a thread; others come again
MAX_REMEMBERED = 10_000  # addresses that nobody has, and wrong passwords, each
MAX_ROUNDS = 20  # of aliases that lead to aliases
TOLD_EVERY = 60.0  # seconds between two words in the log on one directory that does not answer

SILENT = "The directory of that domain does not answer, try again later"


class Accounts(Protocol):
    """Where the mail is: `Store`, as far as it is needed here."""

    async def create_account(self, account: int) -> None: ...

    async def erase_account(self, account: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """Of tokens: their issuers, and which claim of theirs is the address. `verified`: only where they say
    that they have verified it."""

    issuers: tuple[str, ...]
    claim: str = "email"
    verified: bool = True


@dataclass(slots=True)
class Place:
    """One directory elsewhere. `source` is None where nobody can be asked: its accounts come with tokens.
    `known` and `unknown`: seconds that its answers hold, that somebody is there and that nobody is;
    `timeout`: seconds that a question may take with its waiting; `threads` ask at the same time."""

    name: str
    source: Source | None
    domains: frozenset[str]  # folded
    known: float = 300.0
    unknown: float = 60.0
    timeout: float = 10.0
    threads: int = 4
    provider: Provider | None = None
    waiting: int = field(default=0, init=False)
    told: float | None = field(default=None, init=False)
    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix=f"directory {self.name}")


class Outside:
    """`directory` is read on the loop, `writer` is another on the same file, for changes on threads; `met`
    tells what addresses a route leads over; `limit` sets the quota of an account; `clock` is monotonic, `key`
    random octets of this process; `tell` takes the name of a directory that does not answer, and why."""

    def __init__(
        self,
        directory: Directory,
        writer: Directory,
        accounts: Accounts,
        places: Iterable[Place],
        *,
        met: Callable[[str], Iterable[Address]],
        limit: Callable[[int, int | None], Awaitable[object]],
        clock: Callable[[], float],
        key: bytes,
        tell: Callable[[str, str], object],
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._accounts = accounts
        self.places = list(places)
        self._by_domain = {domain: place for place in self.places for domain in place.domains}
        self._met = met
        self._limit = limit
        self._clock = clock
        self._key = key
        self._tell = tell
        self._nobody: dict[str, float] = {}  # folded -> until, oldest first
        self._wrong: dict[bytes, float] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}

    def close(self) -> None:
        for place in self.places:
            place.pool.shutdown(wait=False, cancel_futures=True)
            if place.source is not None:
                place.source.close()

    def covers(self, name: str) -> bool:
        return self.place(name) is not None

    def place(self, name: str) -> Place | None:
        """The directory that decides on this address."""
        return self._by_domain.get(fold_domain(name.rpartition("@")[2]))

    def takes_passwords(self, name: str) -> bool:
        place = self.place(name)
        return place is None or place.source is not None

    def remembered(self, name: str) -> float:
        """Seconds that a password which has been found right may be taken without asking."""
        place = self.place(name)
        return float("inf") if place is None else place.known

    # Whether somebody exists

    def ahead(self, text: str) -> Awaitable[None] | None:
        """What has to be known before mail for `text` can be routed; None where nothing has."""
        due = self._due_for(text)
        return self._know_all(text, due) if due else None

    async def know(self, name: str) -> None:
        """From now on `directory.db` is right about this address. Refused, for now, where there is no
        answer."""
        written = maybe_address(name)
        if written is None or not self._is_due(written):
            return
        # One question is enough for all who want the same answer; it goes on when one of them goes away.
        task = self._asked.get(written.folded)
        if task is None:
            task = asyncio.create_task(self._learn(written))
            self._asked[written.folded] = task
            task.add_done_callback(partial(self._answered, written.folded))
        await asyncio.shield(task)

    def _answered(self, folded: str, task: "asyncio.Task[None]") -> None:
        del self._asked[folded]
        if not task.cancelled():
            task.exception()  # whoever waits is told of it; where nobody does it is nobody's

    def _due_for(self, text: str) -> list[Address]:
        return [each for each in self._met(text) if self._is_due(each)]

    async def _know_all(self, text: str, due: list[Address]) -> None:
        for _ in range(MAX_ROUNDS):
            for each in due:
                await self.know(str(each))
            asked = {each.folded for each in due}
            due = [each for each in self._due_for(text) if each.folded not in asked]
            if not due:
                return

    def _is_due(self, written: Address) -> bool:
        place = self.place(str(written))
        if place is None or place.source is None:
            return False
        found = record.known(self._directory, written.folded)
        if found is None or found.directory != place.name:
            return self._nobody.get(written.folded, 0.0) <= self._clock()
        holds = place.known if found.exists else place.unknown
        # A clock that was set back makes nothing young.
        return not 0 <= self._directory.moment() - found.checked_at < holds

    async def _learn(self, written: Address) -> None:
        place = self.place(str(written))
        assert place is not None and place.source is not None
        source = place.source
        found = await self._ask(place, lambda: source.find(written))
        if found is None:
            await asyncio.to_thread(record.gone, self._writer, place.name, written)
            _remember(self._nobody, written.folded, self._clock() + place.unknown)
        else:
            await self.record(place, found, written)

    async def record(self, place: Place, found: Found, asked: Address) -> int:
        """Write down who was found under the address that was asked for; the account."""
        found = _placed(found, place, asked)
        prefix, free = record.owner(self._directory, place.name, found), 0
        if prefix is None:
            prefix = free = self._directory.free_prefix()
            await self._accounts.create_account(free)
        try:
            before = record.known(self._directory, asked.folded)
            if found.quota != (before.quota if before is not None else None):
                await self._limit(prefix, found.quota)  # first: what is written down is not done again
            put = record.put
            prefix = await asyncio.to_thread(put, self._writer, place.name, place.domains, found, free)
        except BaseException:
            if free:
                await self._accounts.erase_account(free)
            raise
        if free and prefix != free:
            await self._accounts.erase_account(free)  # another process was quicker
        self._nobody.pop(asked.folded, None)
        return prefix

    # Passwords

    async def verify(self, name: str, password: str) -> bool:
        """Whether this is the password there. A wrong one that is said again is not asked for again for a
        while: the directory may shut an account that a phone with an old password keeps on trying."""
        written, place = maybe_address(name), self.place(name)
        # RFC 4513 5.1.2: a bind without a password succeeds, and proves nothing.
        if written is None or place is None or place.source is None or not password:
            return False
        source = place.source
        said = f"{place.name}\0{written.folded}\0{password}".encode("utf-8", "surrogatepass")
        proof = hmac.digest(self._key, said, hashlib.sha256)
        if self._wrong.get(proof, 0.0) > self._clock():
            return False
        found = await self._ask(place, lambda: source.verify(written, password))
        if found is None:
            _remember(self._wrong, proof, self._clock() + place.unknown)
            return False
        await self.record(place, found, written)
        return True

    # Asking

    async def _ask(self, place: Place, question: Callable[[], T]) -> T:
        if place.waiting >= MAX_WAITING:
            raise self._silent(place, f"{MAX_WAITING} questions are waiting")
        place.waiting += 1
        try:
            async with asyncio.timeout(place.timeout):
                return await asyncio.wrap_future(place.pool.submit(question))
        except TimeoutError:
            raise self._silent(place, f"no answer within {place.timeout:g} seconds") from None
        except Unreachable as error:
            raise self._silent(place, str(error)) from None
        finally:
            place.waiting -= 1

    def _silent(self, place: Place, reason: str) -> Unchecked:
        now = self._clock()
        if place.told is None or now >= place.told + TOLD_EVERY:
            place.told = now
            self._tell(place.name, reason)
        return Unchecked(SILENT, Code.UNAVAILABLE, temporary=True)


def _placed(found: Found, place: Place, asked: Address) -> Found:
    """A directory speaks of its own domains only: somebody whose own address is elsewhere is here by the
    address that was asked for."""
    own = maybe_address(found.address)
    if own is None or own.folded.rpartition("@")[2] not in place.domains:
        return replace(found, address=str(asked))
    return replace(found, aliases=(*found.aliases, str(asked)))


K = TypeVar("K")


def _remember(into: dict[K, float], key: K, until: float) -> None:
    into.pop(key, None)  # so that it goes to the young end
    while len(into) >= MAX_REMEMBERED:
        del into[next(iter(into))]
    into[key] = until
