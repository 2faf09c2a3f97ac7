"""What is offered to whom, and what an exchange leads to."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from scramp import ScramClient

from pillarbox.identity import app_passwords, scram
from pillarbox.identity.authenticate import Authenticator, Login
from pillarbox.identity.candidates import candidates
from pillarbox.identity.claims import Channel, Claim, Credentials
from pillarbox.identity.completion import Completion
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.passwords import hash_password, store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.scram import MODERN, Hash
from pillarbox.model.errors import Code, Refused

CLEAR, TLS = Channel(), Channel(end_point=bytes(32))
RIGHT = Credentials("kim@example.test", "pencil")


@pytest.fixture
def pool() -> Iterator[PasswordPool]:
    pool = PasswordPool(1)
    yield pool
    pool.close()


@pytest.fixture
def kim(directory: Directory) -> Account:
    stored = store("pencil", directory.salt("kim@example.test"), MODERN, scram.MIN_ITERATIONS)
    return directory.add("kim@example.test", stored.hash, verifiers=stored.verifiers)


@pytest.fixture
def mechanisms(directory: Directory) -> Mechanisms:
    return Mechanisms(directory, hashes=MODERN, random=bytes, channel_binding=True)


@pytest.fixture
def authenticator(directory: Directory, pool: PasswordPool, clock) -> Authenticator:
    return Authenticator(directory, pool, clock=clock, key=bytes(32))


def prove(mechanisms: Mechanisms, name: str = "SCRAM-SHA-256", password: str = "pencil") -> Claim:
    client = ScramClient([name], "kim@example.test", password)
    server = mechanisms.start(name, CLEAR)
    assert server is not None
    first = server.step(client.get_client_first().encode())
    assert isinstance(first, bytes)
    client.set_server_first(first.decode())
    server.step(client.get_client_final().encode())
    claim = server.step(b"")
    assert not isinstance(claim, bytes)
    return claim


def test_what_is_offered_in_clear_and_under_tls(mechanisms: Mechanisms, kim: Account) -> None:
    scrams = ("SCRAM-SHA-512", "SCRAM-SHA-256")
    assert mechanisms.offered(CLEAR) == (*scrams, "PLAIN", "LOGIN")
    bound = tuple(f"{name}-PLUS" for name in scrams)
    assert mechanisms.offered(TLS) == (*bound, *scrams, "PLAIN", "LOGIN")
    assert mechanisms.start("SCRAM-SHA-256-PLUS", CLEAR) is None
    assert mechanisms.start("scram-sha-256-plus", TLS) is not None


def test_channels_are_bound_only_where_that_is_wanted(directory: Directory, kim: Account) -> None:
    plain = Mechanisms(directory, hashes=MODERN, random=bytes)
    assert plain.offered(TLS) == plain.offered(CLEAR)
    assert plain.start("SCRAM-SHA-256-PLUS", TLS) is None
    server = plain.start("SCRAM-SHA-256", TLS)
    assert server is not None
    assert server.step(b"y,,n=kim@example.test,r=abc")  # nothing was hidden: there is no -PLUS


def test_sha_1_is_offered_only_where_it_is_wanted(directory: Directory, mechanisms: Mechanisms) -> None:
    assert mechanisms.start("SCRAM-SHA-1", CLEAR) is None
    more = Mechanisms(directory, hashes=MODERN | Hash.SHA_1, random=bytes)
    assert more.offered(CLEAR)[2] == "SCRAM-SHA-1"


def test_scram_is_offered_when_it_works_for_all(directory: Directory, mechanisms: Mechanisms, kim) -> None:
    old = directory.add("old@example.test", hash_password("pencil"))
    assert mechanisms.offered(TLS) == ("PLAIN", "LOGIN")
    directory.delete(old.prefix)
    assert "SCRAM-SHA-256" in mechanisms.offered(TLS)


@pytest.mark.parametrize(
    "name", ["SCRAM", "SCRAM-SHA-224", "SCRAM--PLUS", "-PLUS", "", "SCRAM-SHA-256-PLUS-PLUS"]
)
def test_a_mechanism_that_there_is_not(mechanisms: Mechanisms, name: str) -> None:
    assert mechanisms.start(name, TLS) is None


def test_a_proof_is_a_login(authenticator: Authenticator, mechanisms: Mechanisms, kim: Account) -> None:
    entered = asyncio.run(authenticator.login(prove(mechanisms)))
    assert entered == Login(kim.prefix, kim.user, "kim@example.test")


@pytest.mark.parametrize("change", ["password", "disabled", "deleted"])
def test_a_proof_outlives_no_change(
    authenticator: Authenticator, mechanisms: Mechanisms, directory: Directory, kim: Account, change: str
) -> None:
    claim = prove(mechanisms)
    match change:
        case "password":
            directory.set_password(kim.prefix, "other")
        case "disabled":
            directory.set_enabled(kim.prefix, False)
        case _:
            directory.delete(kim.prefix)
    with pytest.raises(Refused) as refused:
        asyncio.run(authenticator.login(claim))
    assert refused.value.code is Code.AUTHENTICATIONFAILED


def test_a_password_that_changes_while_it_is_checked(
    directory: Directory, pool: PasswordPool, clock, kim: Account
) -> None:
    class Meddling(PasswordPool):
        async def verify(self, stored: str | None, password: str, who: str = "", *still: Any) -> bool:
            directory.set_password(kim.prefix, "other")
            return True

    meddling = Meddling(1)
    try:
        authenticator = Authenticator(directory, meddling, clock=clock, key=bytes(32))
        with pytest.raises(Refused):
            asyncio.run(authenticator.login(RIGHT))
    finally:
        meddling.close()


def test_who_logs_in_with_an_old_hash_can_use_scram_from_then_on(
    directory: Directory, mechanisms: Mechanisms, pool: PasswordPool, clock, tmp_path
) -> None:
    account = directory.add("kim@example.test", hash_password("pencil"))
    writer = Directory(tmp_path / "directory.db", clock=clock, pick=lambda below: 0)
    failures: list[BaseException] = []
    completion = Completion(
        pool, hashes=MODERN, salt=directory.salt, record=writer.complete, report=failures.append
    )
    authenticator = Authenticator(directory, pool, clock=clock, key=bytes(32), completion=completion)

    async def twice() -> None:
        await authenticator.login(RIGHT)
        await completion.settled()
        await authenticator.login(RIGHT)

    asyncio.run(twice())
    writer.close()
    assert failures == []
    assert directory.require("kim@example.test").scram == MODERN
    assert candidates(directory, "kim@example.test", Hash.SHA_256, "imap").iterations == scram.ITERATIONS
    for name in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        assert asyncio.run(authenticator.login(prove(mechanisms, name))).account == account.prefix


def test_a_completion_that_fails_harms_no_login(directory: Directory, pool: PasswordPool, clock) -> None:
    directory.add("kim@example.test", hash_password("pencil"))
    failures: list[BaseException] = []

    def record(*_: object) -> None:
        raise OSError("the disk is full")

    completion = Completion(pool, hashes=MODERN, salt=directory.salt, record=record, report=failures.append)
    authenticator = Authenticator(directory, pool, clock=clock, key=bytes(32), completion=completion)

    async def once() -> None:
        await authenticator.login(RIGHT)
        await completion.settled()

    asyncio.run(once())
    assert [str(each) for each in failures] == ["the disk is full"]


# How many iterations


def counting(
    directory: Directory, pool: PasswordPool, clock: Any, wanted: int
) -> tuple[Authenticator, Completion]:
    failures: list[BaseException] = []
    completion = Completion(
        pool,
        hashes=MODERN,
        salt=directory.salt,
        record=directory.complete,
        report=failures.append,
        iterations=lambda prefix: directory.iterations(prefix, wanted),
        stored_iterations=directory.stored_iterations,
    )
    return Authenticator(directory, pool, clock=clock, key=bytes(32), completion=completion), completion


def test_a_password_is_stored_with_as_many_iterations_as_are_wanted_at_the_next_login(
    directory: Directory, mechanisms: Mechanisms, pool: PasswordPool, clock: Any, kim: Account
) -> None:
    authenticator, completion = counting(directory, pool, clock, 5000)

    async def log_in() -> None:
        await authenticator.login(RIGHT)
        await completion.settled()

    asyncio.run(log_in())
    assert directory.stored_iterations(kim.prefix) == {5000}
    assert asyncio.run(authenticator.login(prove(mechanisms, "SCRAM-SHA-256"))).account == kim.prefix


def test_a_device_goes_on_when_more_iterations_are_wanted(
    directory: Directory, mechanisms: Mechanisms, pool: PasswordPool, clock: Any, kim: Account
) -> None:
    """One exchange has one count, so the password waits until the app passwords have gone."""
    count = directory.device_iterations(kim.prefix, 5000)
    assert count == scram.MIN_ITERATIONS
    verifiers = [
        scram.derive(each, "device", directory.salt(kim.address), count) for each in Hash if each in MODERN
    ]
    app_passwords.add(directory, kim, "phone", "device", verifiers)
    authenticator, completion = counting(directory, pool, clock, 5000)

    async def log_in() -> None:
        await authenticator.login(RIGHT)
        await completion.settled()

    asyncio.run(log_in())
    for password in ("device", "pencil"):
        proof = prove(mechanisms, "SCRAM-SHA-256", password=password)
        assert asyncio.run(authenticator.login(proof)).account == kim.prefix
    app_passwords.revoke(directory, kim, "phone")
    asyncio.run(log_in())
    assert directory.stored_iterations(kim.prefix) == {5000}


def test_iterations_do_not_tell_who_has_an_account(directory: Directory, clock: Any) -> None:
    """A quarter of the accounts have other iterations than new ones: so has a quarter of all names, and each
    keeps them until it goes over to the new ones, once."""
    for number in range(40):
        count = 4096 if number < 10 else 5000
        verifier = scram.Verifier(Hash.SHA_256, count, bytes(24), bytes(32), bytes(32))
        directory.add(f"a{number}@example.test", "hash", verifiers=[verifier])
    names = [f"nobody{number}@example.test" for number in range(400)]

    def told(name: str) -> int:
        return candidates(directory, name, Hash.SHA_256, "imap", iterations=5000).iterations

    first = {name: told(name) for name in names}
    assert 60 < sum(count == 4096 for count in first.values()) < 140
    assert {name: told(name.upper()) for name in names} == first
    gone = directory.require("a0@example.test")
    directory.set_enabled(gone.prefix, False)
    assert told(gone.address) == 4096  # as before
    for number in range(8):
        verifier = scram.Verifier(Hash.SHA_256, 5000, bytes(24), bytes(32), bytes(32))
        directory.set_password(directory.require(f"a{number}@example.test").prefix, "hash", [verifier])
    clock.now += 3600
    then = {name: told(name) for name in names}
    assert 0 < sum(count == 4096 for count in then.values()) < 50
    assert all(first[name] == 4096 for name in names if then[name] == 4096)
