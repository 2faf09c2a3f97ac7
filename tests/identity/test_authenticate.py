import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.identity import authenticate
from pillarbox.identity.authenticate import Authenticator, Login
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.passwords import hash_password
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Credentials
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, Refused

RIGHT = Credentials("Kim@example.test", "correct horse")
WRONG = Credentials("kim@example.test", "wrong")


class CountingPool(PasswordPool):
    """A real pool that counts what it was asked to verify."""

    def __init__(self) -> None:
        super().__init__(1)
        self.verified: list[str | None] = []

    async def verify(self, stored: str | None, password: str, who: str = "", *still: Any) -> bool:
        self.verified.append(stored)
        return await super().verify(stored, password, who, *still)


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password("correct horse")


@pytest.fixture
def kim(directory: Directory, stored: str) -> Account:
    return directory.add("kim@example.test", stored)


@pytest.fixture
def pool() -> Iterator[CountingPool]:
    pool = CountingPool()
    yield pool
    pool.close()


@pytest.fixture
def authenticator(directory: Directory, pool: CountingPool, clock) -> Authenticator:
    return Authenticator(directory, pool, clock=clock, key=bytes(32))


def login(authenticator: Authenticator, credentials: Credentials) -> Login:
    return asyncio.run(authenticator.login(credentials))


def refusal(authenticator: Authenticator, credentials: Credentials) -> Refused:
    with pytest.raises(Refused) as refused:
        login(authenticator, credentials)
    return refused.value


def test_a_login_says_whose_account_it_is(authenticator, kim) -> None:
    entered = login(authenticator, RIGHT)
    assert entered == Login(kim.prefix, kim.user, "kim@example.test")
    assert entered.actor == Actor(reader=kim.user)


def test_every_refusal_is_the_same_after_one_verification(
    authenticator, directory, pool, kim, stored
) -> None:
    disabled = directory.add("off@example.test", stored)
    directory.set_enabled(disabled.prefix, False)
    directory.add("none@example.test", None)
    refused = [
        refusal(authenticator, WRONG),
        refusal(authenticator, Credentials("nobody@example.test", "correct horse")),
        refusal(authenticator, Credentials("not an address", "correct horse")),
        refusal(authenticator, Credentials("off@example.test", "correct horse")),
        refusal(authenticator, Credentials("none@example.test", "")),
    ]
    assert {(each.text, each.code) for each in refused} == {
        ("Authentication failed", Code.AUTHENTICATIONFAILED)
    }
    assert len(pool.verified) == len(refused)


def test_a_verified_login_is_remembered_for_some_minutes(authenticator, pool, clock, kim) -> None:
    login(authenticator, RIGHT)
    clock.now += authenticate.REMEMBERED_SECONDS - 1
    login(authenticator, RIGHT)
    assert len(pool.verified) == 1
    clock.now += 1
    login(authenticator, RIGHT)
    assert len(pool.verified) == 2


def test_what_is_remembered_outlives_a_new_configuration(directory, pool, clock, kim) -> None:
    remembered: dict[bytes, float] = {}
    for _ in range(2):
        made = Authenticator(directory, pool, clock=clock, key=bytes(32), remembered=remembered)
        login(made, RIGHT)
    assert len(pool.verified) == 1


def test_a_wrong_password_is_never_remembered(authenticator, pool, kim) -> None:
    login(authenticator, RIGHT)
    refusal(authenticator, WRONG)
    refusal(authenticator, WRONG)
    assert len(pool.verified) == 3


def test_a_changed_password_counts_at_once(authenticator, directory, kim) -> None:
    login(authenticator, RIGHT)
    directory.set_password(kim.prefix, hash_password("new"))
    assert refusal(authenticator, RIGHT).code is Code.AUTHENTICATIONFAILED
    login(authenticator, Credentials("kim@example.test", "new"))


def test_a_change_counts_at_once_in_every_process(
    authenticator, directory, pool, clock, kim, tmp_path
) -> None:
    other = Directory(tmp_path / "directory.db", clock=clock, pick=lambda below: 0)
    elsewhere = Authenticator(other, pool, clock=clock, key=bytes([1]) * 32)
    login(authenticator, RIGHT)
    login(elsewhere, RIGHT)
    directory.set_password(kim.prefix, hash_password("new"))
    for each in (authenticator, elsewhere):
        assert refusal(each, RIGHT).code is Code.AUTHENTICATIONFAILED
    other.close()


def test_a_disabled_account_is_closed_at_once(authenticator, directory, kim) -> None:
    login(authenticator, RIGHT)
    directory.set_enabled(kim.prefix, False)
    refusal(authenticator, RIGHT)


def test_what_is_remembered_is_bounded(authenticator, pool, directory, kim, stored, monkeypatch) -> None:
    monkeypatch.setattr(authenticate, "REMEMBERED_LOGINS", 1)
    directory.add("tim@example.test", stored)
    login(authenticator, RIGHT)
    login(authenticator, Credentials("tim@example.test", "correct horse"))
    login(authenticator, Credentials("tim@example.test", "correct horse"))
    assert len(pool.verified) == 2
    login(authenticator, RIGHT)
    assert len(pool.verified) == 3


def test_everybody_acts_as_himself_only(authenticator, directory, kim) -> None:
    directory.add("tim@example.test", None)
    login(authenticator, Credentials("kim@example.test", "correct horse", "KIM@example.test"))
    for other in ("tim@example.test", "nobody@example.test"):
        refused = refusal(authenticator, Credentials("kim@example.test", "correct horse", other))
        assert refused.code is Code.AUTHORIZATIONFAILED
    # who does not know the password does not learn who exists
    wrong = refusal(authenticator, Credentials("kim@example.test", "wrong", "tim@example.test"))
    assert wrong.code is Code.AUTHENTICATIONFAILED


def test_who_would_log_in_under_a_name(
    authenticator: Authenticator, directory: Directory, kim: Account
) -> None:
    assert authenticator.user("KIM@example.test") == Login(kim.prefix, kim.user, "kim@example.test")
    for nobody in ("kim", "sam@example.test", "kim+detail@example.test", "", "kim@example.test\0"):
        assert authenticator.user(nobody) is None
    directory.set_enabled(kim.prefix, False)
    assert authenticator.user("kim@example.test") is None
