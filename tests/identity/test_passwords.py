from random import Random

import argon2
import pytest

from pillarbox.identity import passwords
from pillarbox.model.errors import Refused


@pytest.fixture(scope="module")
def stored() -> str:
    return passwords.hash_password("correct horse")


def test_a_hash_names_its_algorithm_and_parameters(stored: str) -> None:
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_right_password_is_verified_and_no_other(stored: str) -> None:
    assert passwords.verify(stored, "correct horse")
    assert not passwords.verify(stored, "correct horse ")
    assert not passwords.verify(stored, "")


def test_equal_passwords_have_different_hashes(stored: str) -> None:
    assert passwords.hash_password("correct horse") != stored


def test_two_ways_of_typing_a_password_are_one() -> None:
    assert passwords.verify(passwords.hash_password("cafe\u0301"), "caf\u00e9")


@pytest.mark.parametrize("password", ["", "\u00ad", "a\x00b"])
def test_a_password_that_cannot_be_prepared_is_not_stored(password: str) -> None:
    with pytest.raises(Refused):
        passwords.hash_password(password)


def test_a_prohibited_password_is_a_wrong_password(stored: str) -> None:
    assert not passwords.verify(stored, "correct\x00horse")


@pytest.mark.parametrize("password", ["", "guess"])
def test_nobody_has_a_password(password: str) -> None:
    assert not passwords.verify(None, password)


def test_nobody_costs_what_somebody_costs(stored: str) -> None:
    somebody = argon2.extract_parameters(stored)
    assert argon2.extract_parameters(passwords._NOBODY) == somebody


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not passwords.verify("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "x")
    assert not passwords.verify("{PLAIN}x", "x")


def test_a_generated_password_can_be_read_aloud() -> None:
    password = passwords.generate(Random(1).randrange)
    groups = password.split("-")
    assert [len(group) for group in groups] == [6, 6, 6]
    assert not set(password) & set("0O1lIoi")
    assert password != passwords.generate(Random(2).randrange)
