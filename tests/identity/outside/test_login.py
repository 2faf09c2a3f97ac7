"""Logging in with passwords of a directory elsewhere."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pyotp
import pytest
from scramp import ScramClient

from pillarbox.identity import app_passwords, second_factor
from pillarbox.identity.abuse import Ledger, Note
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.candidates import candidates
from pillarbox.identity.claims import Channel
from pillarbox.identity.gate import Gate
from pillarbox.identity.passwords import store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Credentials, Mechanisms
from pillarbox.identity.scram import MIN_ITERATIONS, MODERN, Hash
from pillarbox.model.errors import Code, Refused

KIM = Credentials("kim@corp.test", "right")
AWAY = Channel(peer="192.0.2.7")


@pytest.fixture
def notes() -> list[Note]:
    return []


@pytest.fixture
def written() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def authenticator(directory, outside, clock, notes, written) -> Iterator[Authenticator]:
    pool = PasswordPool(1)
    gate = Gate(
        Ledger(),
        clock=clock,
        take=notes.append,
        write=lambda event, **fields: written.append((event, fields)),
    )
    yield Authenticator(
        directory,
        pool,
        clock=clock,
        key=bytes(32),
        gate=gate,
        outside=outside,
        take_code=lambda account, code: second_factor.take(directory, account, code),
    )
    pool.close()


def login(authenticator: Authenticator, claim: Any) -> Any:
    return asyncio.run(authenticator.login(claim, AWAY))


def refusal(authenticator: Authenticator, claim: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        login(authenticator, claim)
    return refused.value


def test_somebody_who_was_never_here_logs_in(authenticator, directory, written) -> None:
    entered = login(authenticator, KIM)
    assert entered.address == "kim@corp.test"
    assert entered.account == directory.require("kim@corp.test").prefix
    assert [event for event, _ in written] == ["login"]


def test_what_is_wrong_is_refused_alike(authenticator, elsewhere) -> None:
    refused = [
        refusal(authenticator, Credentials(name, password))
        for name, password in (
            ("kim@corp.test", "wrong"),
            ("nobody@corp.test", "right"),
            ("kim@corp.test", ""),
        )
    ]
    assert {(each.text, each.code) for each in refused} == {
        ("Authentication failed", Code.AUTHENTICATIONFAILED)
    }
    # Somebody unknown costs the directory what a wrong password costs it.
    assert ("verify", "nobody@corp.test") in elsewhere.asked


def test_a_right_password_is_remembered_no_longer_than_its_account(authenticator, elsewhere, clock) -> None:
    for _ in range(3):
        login(authenticator, KIM)
    assert elsewhere.asked.count(("verify", "kim@corp.test")) == 1
    elsewhere.passwords["kim@corp.test"] = "new"
    clock.now += 301
    assert refusal(authenticator, KIM).code is Code.AUTHENTICATIONFAILED


def test_who_is_disabled_there_is_out_when_that_is_known(authenticator, elsewhere, clock) -> None:
    login(authenticator, KIM)
    elsewhere.people["kim@corp.test"] = type(elsewhere.people["kim@corp.test"])(
        "kim@corp.test", "k1", disabled=True
    )
    clock.now += 301
    assert refusal(authenticator, KIM).code is Code.AUTHENTICATIONFAILED


def test_a_dead_directory_says_come_again_and_counts_against_nobody(
    authenticator, elsewhere, notes, written, clock
) -> None:
    login(authenticator, KIM)
    notes.clear()
    written.clear()
    elsewhere.dead = True
    clock.now += 301  # what was remembered of the login is no good any more either
    for claim in (KIM, Credentials("kim@corp.test", "wrong"), Credentials("nobody@corp.test", "x")):
        refused = refusal(authenticator, claim)
        assert (refused.code, refused.temporary) == (Code.UNAVAILABLE, True)
    assert notes == []
    assert {event for event, _ in written} == {"failure"}


def test_a_password_from_before_opens_nothing(authenticator, directory) -> None:
    salt = directory.salt("kim@corp.test")
    stored = store("before", salt, MODERN, MIN_ITERATIONS)
    directory.add("kim@corp.test", stored.hash, verifiers=stored.verifiers)
    assert refusal(authenticator, Credentials("kim@corp.test", "before")).code is Code.AUTHENTICATIONFAILED
    login(authenticator, KIM)
    assert candidates(directory, "kim@corp.test", Hash.SHA_256, "imap").verifiers == ()


def test_app_passwords_and_a_second_factor_are_kept_here(
    authenticator, directory, outside, elsewhere
) -> None:
    login(authenticator, KIM)
    kim = directory.require("kim@corp.test")
    app_passwords.add(directory, kim, "phone", "device-password")
    assert login(authenticator, Credentials("kim@corp.test", "device-password")).account == kim.prefix
    enabled = second_factor.enable(directory, kim, "corp", Random(3).randrange)
    assert refusal(authenticator, KIM).code is Code.AUTHENTICATIONFAILED
    code = pyotp.TOTP(enabled.secret).at(int(directory.now()))
    assert login(authenticator, Credentials("kim@corp.test", "right" + code)).account == kim.prefix
    assert (
        refusal(authenticator, Credentials("kim@corp.test", "wrong" + code)).code is Code.AUTHENTICATIONFAILED
    )


def test_where_only_tokens_are_taken_a_password_is_told_so(authenticator, notes, written) -> None:
    refused = refusal(authenticator, Credentials("kim@tokens.test", "right"))
    assert refused.code is Code.CANNOT and "token" in refused.text
    assert notes == [] and written[-1][0] == "failure"


@pytest.mark.parametrize("domain", ["corp.test", "tokens.test"])
def test_scram_does_not_know_passwords_of_other_directories(directory, outside, domain) -> None:
    """An account from before its domain was given to a directory, which nobody has been asked about yet."""
    name = f"kim@{domain}"
    stored = store("before", directory.salt(name), MODERN, MIN_ITERATIONS)
    directory.add(name, stored.hash, verifiers=stored.verifiers)
    made = Mechanisms(directory, hashes=MODERN, random=bytes, outside=outside)
    client = ScramClient(["SCRAM-SHA-256"], name, "before")
    exchange = made.start("SCRAM-SHA-256", AWAY)
    client.set_server_first(exchange.step(client.get_client_first().encode()).decode())
    with pytest.raises(Refused):
        exchange.step(client.get_client_final().encode())
