"""A directory elsewhere that tests steer: who is in it, and whether it answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from pillarbox.identity import routes
from pillarbox.identity.addresses import Address
from pillarbox.identity.directory import Directory
from pillarbox.identity.outside.outside import Outside, Place, Provider
from pillarbox.identity.outside.source import Found, Unreachable


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Elsewhere:
    """A source. `people` by folded address; `asked` is what came."""

    people: dict[str, Found] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    dead: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def find(self, wanted: Address) -> Found | None:
        self.asked.append(("find", wanted.folded))
        return self._found(wanted)

    def verify(self, wanted: Address, password: str) -> Found | None:
        self.asked.append(("verify", wanted.folded))
        found = self._found(wanted)
        return found if found is not None and self.passwords.get(found.address) == password else None

    def _found(self, wanted: Address) -> Found | None:
        if self.dead:
            raise Unreachable("nobody is there")
        return self.people.get(wanted.folded)

    def close(self) -> None:
        pass


@dataclass
class Accounts:
    """What was done to the store."""

    made: list[int] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    limits: dict[int, int | None] = field(default_factory=dict)

    async def create_account(self, account: int) -> None:
        self.made.append(account)

    async def erase_account(self, account: int) -> None:
        self.erased.append(account)

    async def limit(self, account: int, octets: int | None) -> None:
        self.limits[account] = octets


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere(
        {"kim@corp.test": Found("kim@corp.test", "k1"), "tim@corp.test": Found("tim@corp.test", "t1")},
        {"kim@corp.test": "right", "tim@corp.test": "right"},
    )


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def directory(tmp_path: Path, clock: Clock) -> Iterator[Directory]:
    directory = Directory(tmp_path / "directory.db", clock=clock, pick=Random(7).randrange)
    yield directory
    directory.close()


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def outside(
    tmp_path: Path,
    clock: Clock,
    directory: Directory,
    elsewhere: Elsewhere,
    accounts: Accounts,
    told: list[tuple[str, str]],
) -> Iterator[Outside]:
    writer = Directory(tmp_path / "directory.db", clock=clock, pick=Random(8).randrange)
    routes.add_domain(writer, "corp.test")
    routes.add_domain(writer, "tokens.test")

    def met(text: str) -> list[Address]:
        found: list[Address] = []
        routes.expand(directory, text, meets=found.append)
        return found

    made = Outside(
        directory,
        writer,
        accounts,
        [
            Place("corp", elsewhere, frozenset({"corp.test"})),
            Place("provider", None, frozenset({"tokens.test"}), provider=Provider(("https://id.test",))),
        ],
        met=met,
        limit=accounts.limit,
        clock=clock,
        key=bytes(32),
        tell=lambda name, reason: told.append((name, reason)),
    )
    yield made
    made.close()
    writer.close()
