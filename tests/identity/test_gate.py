"""Who waits before a password is looked at, and for how long; by passwords and by SCRAM."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from scramp import ScramClient

from pillarbox.identity import app_passwords, passwords, scram
from pillarbox.identity.abuse import Ledger, Note, Rules
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.claims import Channel, Credentials
from pillarbox.identity.directory import Directory
from pillarbox.identity.gate import MAX_WAITING, Gate
from pillarbox.identity.passwords import store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.model.errors import Code, Refused

KIM, PASSWORD, DEVICE = "kim@example.test", "correct horse", "device-password-that-is-long"
HERE = Channel("imap", "192.0.2.1")
RULES = Rules(delay_after=2, ban_after=4)


@dataclass
class Door:
    """All that a login goes through, with a clock that stands still and a sleep that takes no time."""

    directory: Directory
    clock: Callable[[], float]
    ledger: Ledger = field(default_factory=lambda: Ledger(RULES))
    slept: list[float] = field(default_factory=list)
    written: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = Gate(
            self.ledger,
            clock=self.clock,
            take=lambda note: self.ledger.take(note, self.clock()) and None,
            write=lambda event, **fields: self.written.append((event, str(fields["detail"]))),
            sleep=self.sleep,  # type: ignore[arg-type]
        )
        self.pool = PasswordPool(1)
        self.users = Authenticator(self.directory, self.pool, clock=self.clock, key=bytes(32), gate=self.gate)
        self.mechanisms = Mechanisms(
            self.directory, hashes=scram.MODERN, random=Random(3).randbytes, gate=self.gate
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def login(self, password: str, name: str = KIM, channel: Channel = HERE) -> Any:
        try:
            return (await self.users.login(Credentials(name, password), channel)).address
        except Refused as refused:
            return refused.code

    async def scram(self, password: str, name: str = KIM, between: Callable[[], None] = lambda: None) -> Any:
        client = ScramClient(["SCRAM-SHA-256"], name, password)
        exchange = self.mechanisms.start("SCRAM-SHA-256", HERE)
        assert exchange is not None
        try:
            first = client.get_client_first().encode()
            challenge = await self.mechanisms.step(exchange, first, HERE)
            assert isinstance(challenge, bytes)
            client.set_server_first(challenge.decode())
            between()
            await self.mechanisms.step(exchange, client.get_client_final().encode(), HERE)
            claim = await self.mechanisms.step(exchange, b"", HERE)
            return (await self.users.login(claim, HERE)).address  # type: ignore[arg-type]
        except Refused as refused:
            return refused.code


@pytest.fixture
def door(directory: Directory, clock: Any) -> Any:
    salt = directory.salt(KIM)
    stored = store(PASSWORD, salt, scram.MODERN, scram.MIN_ITERATIONS)
    account = directory.add(KIM, stored.hash, None, stored.verifiers)
    verifiers = [scram.derive(each, DEVICE, salt, scram.MIN_ITERATIONS) for each in scram.MODERN]
    app_passwords.add(directory, account, "phone", DEVICE, verifiers)
    door = Door(directory, clock)
    yield door
    door.pool.close()


def test_guesses_wait_and_then_are_not_looked_at(door: Door) -> None:
    async def run() -> list[Any]:
        return [await door.login(f"guess {number}") for number in range(6)]

    codes = asyncio.run(run())
    assert codes == [Code.AUTHENTICATIONFAILED] * 4 + [Code.UNAVAILABLE] * 2
    assert door.slept == [0.5, 1.0]
    # A network that is shut is written down once in a while, whatever it sends.
    assert door.written == [("failure", "wrong password")] * 4 + [("failure", "network is banned")]


def test_nobody_waits_as_long_as_somebody(door: Door) -> None:
    async def run(name: str) -> list[float]:
        door.ledger, door.slept = Ledger(RULES), []
        door.__post_init__()
        for number in range(4):
            await door.login(f"guess {number}", name)
        return door.slept

    assert asyncio.run(run(KIM)) == asyncio.run(run("nobody@example.test")) == asyncio.run(run("no address"))


def work(door: Door, directory: Directory, monkeypatch: pytest.MonkeyPatch, run: Any) -> dict[str, Any]:
    """What one attempt has the server do, beside the waiting: hashes with their parameters, statements in
    the directory, keys tried for a proof."""
    hashes: list[str] = []
    proofs: list[scram.Hash] = []
    statements: list[str] = []
    with monkeypatch.context() as patch:
        proves = scram._proves

        class Counting:
            def verify(self, stored: str, password: str) -> bool:
                hashes.append(stored.rpartition("$")[0].rpartition("$")[0])
                return hasher.verify(stored, password)

        hasher = passwords._hasher
        patch.setattr(passwords, "_hasher", Counting())
        patch.setattr(scram, "_proves", lambda one, *rest: proofs.append(one.hash) or proves(one, *rest))
        directory._db.exec_trace = lambda cursor, sql, values: statements.append(sql) or True
        try:
            code = asyncio.run(run())
        finally:
            directory._db.exec_trace = None
    return {"code": code, "hashes": hashes, "proofs": proofs, "statements": statements, "waits": door.slept}


@pytest.mark.parametrize("way", ["login", "scram"])
def test_as_much_is_done_for_nobody_as_for_somebody(
    door: Door, directory: Directory, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Counted, because times on a machine that does other things tell nothing."""
    stored = store(PASSWORD, directory.salt("off@example.test"), scram.MODERN, scram.MIN_ITERATIONS)
    off = directory.add("off@example.test", stored.hash, None, stored.verifiers)
    directory.set_enabled(off.prefix, False)
    directory.add("plain@example.test", stored.hash, None, stored.verifiers)
    asyncio.run(door.scram("first", "nobody@example.test"))  # how many there are is counted once a minute
    done = {}
    for name in ("plain@example.test", "off@example.test", "nobody@example.test", "nobody@else.test"):
        door.ledger, door.slept = Ledger(RULES), []
        door.__post_init__()
        done[name] = work(door, directory, monkeypatch, lambda name=name: getattr(door, way)("a guess", name))
    somebody = done["plain@example.test"]
    assert somebody["code"] is Code.AUTHENTICATIONFAILED
    assert (len(somebody["hashes"]), len(somebody["proofs"])) == ((1, 0) if way == "login" else (0, 1))
    for each in done.values():
        assert each == somebody


def test_an_exchange_that_was_begun_before_its_network_was_shut(door: Door) -> None:
    """Two hundred of them would be as many guesses, without a wait."""

    async def run(password: str) -> Any:
        return await door.scram(password, between=shut)

    def shut() -> None:
        for number in range(4):
            door.ledger.take(Note("failed", "192.0.2.1", f"u{number}@example.test"), door.clock())

    assert asyncio.run(run(PASSWORD)) is Code.UNAVAILABLE
    door.ledger = Ledger(RULES)
    door.__post_init__()
    assert asyncio.run(run("a guess")) is Code.UNAVAILABLE
    door.ledger = Ledger(RULES)
    door.__post_init__()
    assert asyncio.run(run(DEVICE)) == KIM


def test_scram_waits_and_is_shut_out_as_passwords_are(door: Door) -> None:
    async def run() -> list[Any]:
        return [await door.scram(f"guess {number}") for number in range(5)]

    assert asyncio.run(run()) == [Code.AUTHENTICATIONFAILED] * 4 + [Code.UNAVAILABLE]
    assert door.slept == [0.5, 1.0]
    assert asyncio.run(door.scram(PASSWORD)) is Code.UNAVAILABLE
    assert asyncio.run(door.login(PASSWORD)) is Code.UNAVAILABLE


def test_an_app_password_opens_a_shut_network_by_either_way(door: Door) -> None:
    for number in range(4):
        door.ledger.take(Note("failed", "192.0.2.1", f"u{number}@example.test"), door.clock())
    assert asyncio.run(door.scram(DEVICE)) == KIM
    assert asyncio.run(door.login(DEVICE)) == KIM
    assert door.slept == []


def test_a_right_password_from_elsewhere_waits_and_opens(door: Door) -> None:
    for number in range(100):
        door.ledger.take(Note("failed", f"198.51.100.{number}", KIM), door.clock())
    assert asyncio.run(door.login(PASSWORD)) == KIM
    assert door.slept == [10.0]
    assert asyncio.run(door.login(PASSWORD)) == KIM
    assert door.slept == [10.0]  # it is known from there now


def test_only_a_few_of_a_network_wait_at_once(door: Door) -> None:
    for number in range(2):
        door.ledger.take(Note("failed", "192.0.2.1", f"u{number}@example.test"), door.clock())

    async def run() -> list[Any]:
        logins = [door.login(PASSWORD) for _ in range(MAX_WAITING + 5)]
        return await asyncio.gather(*logins)

    codes = asyncio.run(run())
    assert codes.count(Code.UNAVAILABLE) == 5
    assert codes.count(KIM) == MAX_WAITING


def test_those_in_line_when_their_network_is_shut_are_not_looked_at_any_more(door: Door) -> None:
    """Connections that all guess at once have as many guesses as one, and those under way on a thread."""

    async def run() -> list[Any]:
        return await asyncio.gather(*[door.login(f"guess {number}") for number in range(100)])

    threads = 1
    assert asyncio.run(run()).count(Code.AUTHENTICATIONFAILED) <= RULES.ban_after + threads
