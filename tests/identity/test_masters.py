"""Masters: who may log in as somebody else, with what, and what is written down of it."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pyotp
import pytest

from pillarbox.identity import app_passwords, second_factor
from pillarbox.identity.abuse import Note
from pillarbox.identity.authenticate import Authenticator, Login
from pillarbox.identity.claims import Channel, Credentials, Proven
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.gate import Gate
from pillarbox.identity.masters import Masters
from pillarbox.identity.passwords import hash_password
from pillarbox.identity.pool import PasswordPool
from pillarbox.model.errors import Code, Refused

HELP, KIM, BOSS = "help@staff.test", "kim@example.test", "boss@example.test"
MASTERS = Masters({HELP: frozenset({"example.test"}), "second@example.test": frozenset({"example.test"})})
SECRET = "the master's own"


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password(SECRET)


@pytest.fixture(autouse=True)
def people(directory: Directory, stored: str) -> dict[str, Account]:
    made = {
        name: directory.add(name, stored if name.startswith(("help", "second", "tim")) else None)
        for name in (HELP, KIM, BOSS, "second@example.test", "tim@example.test", "eve@else.test")
    }
    directory.set_admin(made[BOSS].prefix, True)
    return made


@pytest.fixture
def notes() -> list[Note]:
    return []


@pytest.fixture
def written() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def enter(directory, clock, notes, written) -> Iterator[Any]:
    pool = PasswordPool(1)
    gate = Gate(
        clock=clock,
        take=notes.append,
        write=lambda event, **fields: written.append((event, fields["account"], fields["detail"])),
    )

    def enter(claim: Any, masters: Masters = MASTERS) -> Login:
        made = Authenticator(
            directory,
            pool,
            clock=clock,
            key=bytes(32),
            gate=gate,
            masters=masters,
            take_code=lambda account, code: second_factor.take(directory, account, code),
        )
        return asyncio.run(made.login(claim, Channel(peer="192.0.2.7")))

    yield enter
    pool.close()


def refused(enter: Any, claim: Any, *masters: Masters) -> Code | None:
    with pytest.raises(Refused) as wrong:
        enter(claim, *masters)
    return wrong.value.code


@pytest.mark.parametrize(
    "claim",
    [
        Credentials(f"{KIM}*{HELP}", SECRET),
        Credentials("KIM@Example.test*Help@staff.test", SECRET),
        Credentials(HELP, SECRET, KIM),
    ],
)
def test_a_master_logs_in_as_a_user_and_both_are_written_down(enter, people, written, notes, claim) -> None:
    assert enter(claim) == Login(people[KIM].prefix, people[KIM].user, KIM, HELP)
    assert written == [("login", KIM, f"by the master {HELP}"), ("login", HELP, f"as {KIM}")]
    assert [note.name for note in notes] == [HELP]  # the user is not known from there by this


def test_nobody_is_a_master_by_default(enter) -> None:
    off = Masters()
    assert refused(enter, Credentials(f"{KIM}*{HELP}", SECRET), off) is Code.AUTHENTICATIONFAILED
    assert refused(enter, Credentials(HELP, SECRET, KIM), off) is Code.AUTHORIZATIONFAILED


@pytest.mark.parametrize("user", ["eve@else.test", BOSS, "second@example.test", "nobody@example.test"])
def test_a_master_may_not_be_everybody(enter, written, user) -> None:
    assert refused(enter, Credentials(f"{user}*{HELP}", SECRET)) is Code.AUTHORIZATIONFAILED
    assert written == [("refusal", HELP, f"You may not act for that user: {user}")]


def test_a_disabled_account_is_open_to_nobody(enter, directory, people) -> None:
    directory.set_enabled(people[KIM].prefix, False)
    assert refused(enter, Credentials(f"{KIM}*{HELP}", SECRET)) is Code.AUTHORIZATIONFAILED
    directory.set_enabled(people[HELP].prefix, False)
    assert refused(enter, Credentials(f"{KIM}*{HELP}", SECRET)) is Code.AUTHENTICATIONFAILED


def test_others_are_no_masters(enter) -> None:
    assert refused(enter, Credentials(f"{KIM}*tim@example.test", SECRET)) is Code.AUTHORIZATIONFAILED


def test_a_wrong_password_counts_against_the_master(enter, notes, written) -> None:
    assert refused(enter, Credentials(f"{KIM}*{HELP}", "wrong")) is Code.AUTHENTICATIONFAILED
    assert [(note.event, note.name) for note in notes] == [("failed", HELP)]
    assert written == [("failure", HELP, "wrong password")]


def test_a_master_may_still_be_themselves(enter, people) -> None:
    assert enter(Credentials(HELP, SECRET)).address == HELP
    assert enter(Credentials(f"{HELP}*{HELP}", SECRET)) == Login(people[HELP].prefix, people[HELP].user, HELP)


def test_the_password_of_a_device_is_not_enough(enter, directory, people) -> None:
    app_passwords.add(directory, people[HELP], "phone", "of-a-device")
    assert enter(Credentials(HELP, "of-a-device")).address == HELP
    assert refused(enter, Credentials(f"{KIM}*{HELP}", "of-a-device")) is Code.AUTHORIZATIONFAILED


def test_a_second_factor_is_asked_for_where_there_is_one(enter, directory, people) -> None:
    made = second_factor.enable(directory, people[HELP], "x", Random(3).randrange)
    assert refused(enter, Credentials(f"{KIM}*{HELP}", SECRET)) is Code.AUTHENTICATIONFAILED
    code = pyotp.TOTP(made.secret).at(directory.now())
    assert enter(Credentials(f"{KIM}*{HELP}", SECRET + code)).by == HELP
    # What proves one factor alone, such as a certificate, acts for nobody.
    credential = directory.credential(HELP)
    certified = Proven(HELP, credential.account, credential.version, KIM, mechanism="EXTERNAL")
    assert refused(enter, certified) is Code.AUTHORIZATIONFAILED


def test_an_address_with_the_separator_in_it_is_one_address(enter, directory, stored) -> None:
    directory.add("a*b@example.test", stored)
    assert enter(Credentials("a*b@example.test", SECRET)).by == ""


def test_another_separator(enter) -> None:
    with_percent = Masters(MASTERS.domains, "%")
    assert enter(Credentials(f"{KIM}%{HELP}", SECRET), with_percent).by == HELP
    assert refused(enter, Credentials(f"{KIM}*{HELP}", SECRET), with_percent) is Code.AUTHENTICATIONFAILED
