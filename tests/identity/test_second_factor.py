"""A second factor: the password alone opens nothing, a code opens once, devices go on."""

import asyncio
import urllib.parse
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

import pyotp
import pytest

from pillarbox.identity import app_passwords, second_factor
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.candidates import candidates
from pillarbox.identity.claims import Credentials
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.passwords import store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.scram import MIN_ITERATIONS, MODERN, Hash
from pillarbox.identity.second_factor import DRIFT, RECOVERY_CODES, STEP, Enabled
from pillarbox.model.errors import Code, Refused

MAIN, PHONE = "correct horse", "abcdef-ghjkmn-pqrstu"
Enters = Callable[[str], bool]


@pytest.fixture
def kim(directory: Directory) -> Account:
    stored = store(MAIN, directory.salt("kim@example.test"), MODERN, MIN_ITERATIONS)
    return directory.add("kim@example.test", stored.hash, verifiers=stored.verifiers)


@pytest.fixture
def enabled(directory: Directory, kim: Account) -> Enabled:
    return second_factor.enable(directory, kim, "mail.example.test", Random(6238).randrange)


@pytest.fixture
def pool() -> Iterator[PasswordPool]:
    pool = PasswordPool(1)
    yield pool
    pool.close()


def entering(authenticator: Authenticator) -> Enters:
    def enters(password: str) -> bool:
        try:
            asyncio.run(authenticator.login(Credentials("kim@example.test", password)))
        except Refused as refused:
            assert refused.code is Code.AUTHENTICATIONFAILED
            return False
        return True

    return enters


@pytest.fixture
def strict(directory: Directory, pool: PasswordPool, clock) -> Enters:
    return entering(Authenticator(directory, pool, clock=clock, key=bytes(32)))


@pytest.fixture
def enters(directory: Directory, pool: PasswordPool, clock) -> Enters:
    take = partial(second_factor.take, directory)
    return entering(Authenticator(directory, pool, clock=clock, key=bytes(32), take_code=take))


def test_the_password_alone_opens_nothing_and_devices_go_on(strict, directory, kim) -> None:
    assert strict(MAIN)
    enabled = second_factor.enable(directory, kim, "mail", Random(1).randrange)
    app_passwords.add(directory, kim, "phone", PHONE)
    code = pyotp.TOTP(enabled.secret).at(directory.now())
    assert not strict(MAIN)  # though it was remembered
    assert not strict(MAIN + code)  # which is not configured here
    assert strict(PHONE)
    assert candidates(directory, "kim@example.test", Hash.SHA_256, "imap").verifiers == ()
    second_factor.disable(directory, kim)
    assert strict(MAIN)
    assert candidates(directory, "kim@example.test", Hash.SHA_256, "imap").verifiers != ()


def test_the_examples_of_rfc_6238(directory, kim, clock) -> None:
    # Appendix B, SHA-1, the last six digits
    directory.run(
        "INSERT INTO second_factor VALUES (?, ?, 0, 0)", kim.prefix, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    )
    for now, code in (
        (59, "287082"),
        (1111111109, "081804"),
        (1234567890, "005924"),
        (20000000000, "353130"),
    ):
        clock.now = now
        assert second_factor.take(directory, kim.prefix, code)


def test_a_code_opens_once(enters, directory, enabled, clock) -> None:
    totp = pyotp.TOTP(enabled.secret)
    code = totp.at(int(clock.now))
    assert not enters(MAIN)
    assert not enters("wrong horse" + code)
    assert enters(MAIN + code)
    assert not enters(MAIN + code)
    clock.now += STEP
    assert enters(MAIN + totp.at(int(clock.now)))
    assert not enters(MAIN + totp.at(int(clock.now) - STEP))  # RFC 6238 5.2: nor an earlier one


@pytest.mark.parametrize("steps", range(-DRIFT - 1, DRIFT + 2))
def test_a_clock_may_be_a_little_off(enters, enabled, clock, steps: int) -> None:
    code = pyotp.TOTP(enabled.secret).at(int(clock.now) + steps * STEP)
    assert enters(MAIN + code) == (abs(steps) <= DRIFT)


def test_a_recovery_code_opens_once(enters, directory, kim, enabled) -> None:
    assert len(set(enabled.recovery_codes)) == RECOVERY_CODES
    assert enters(MAIN + enabled.recovery_codes[3])
    assert not enters(MAIN + enabled.recovery_codes[3])
    assert not enters(MAIN + "aaaaa-aaaaa")
    found = second_factor.status(directory, kim.prefix)
    assert found is not None
    assert found.recovery_codes == RECOVERY_CODES - 1


def test_what_the_authenticator_is_given(enabled) -> None:
    uri = urllib.parse.urlsplit(enabled.uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert urllib.parse.unquote(uri.path) == "/mail.example.test:kim@example.test"
    assert urllib.parse.parse_qs(uri.query)["secret"] == [enabled.secret]
    assert enabled.secret not in repr(enabled)


def test_it_is_switched_on_once_and_off_once(directory, kim, enabled) -> None:
    with pytest.raises(Refused, match="already"):
        second_factor.enable(directory, kim, "mail", Random(1).randrange)
    second_factor.disable(directory, kim)
    assert second_factor.status(directory, kim.prefix) is None
    with pytest.raises(Refused, match="no second factor"):
        second_factor.disable(directory, kim)


def test_an_account_with_a_second_factor_does_not_keep_scram_from_others(directory, kim, enabled) -> None:
    old = directory.add("old@example.test", "hash")
    assert directory.stored_hashes() == Hash(0)
    second_factor.enable(directory, old, "mail", Random(2).randrange)
    assert directory.stored_hashes() == MODERN | Hash.SHA_1


@pytest.mark.parametrize("password", ["", "123456", "abcde-fghjk", "x12345", "x1234567a"])
def test_what_is_no_password_with_a_code(password: str) -> None:
    assert second_factor.split(password) is None
