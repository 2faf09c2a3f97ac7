"""A password for each device: what it opens, until when, and what is known of it afterwards."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scramp import ScramClient

from pillarbox.identity import app_passwords, scram
from pillarbox.identity.app_passwords import MAX_EACH, AppPassword
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.claims import Channel, Claim, Credentials
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.passwords import store
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.sasl import Mechanisms
from pillarbox.identity.scram import MODERN, Hash, derive
from pillarbox.identity.uses import Uses
from pillarbox.model.errors import Code, Refused

MAIN, PHONE = "correct horse", "abcdef-ghjkmn-pqrstu"
# As the sessions say it: the SASL service of POP3 is "pop" (RFC 5034 4).
IMAP, POP3 = Channel("imap", "192.0.2.1"), Channel("pop", "192.0.2.2")


@pytest.fixture
def kim(directory: Directory) -> Account:
    stored = store(MAIN, directory.salt("kim@example.test"), MODERN, scram.MIN_ITERATIONS)
    return directory.add("kim@example.test", stored.hash, verifiers=stored.verifiers)


@pytest.fixture
def pool() -> Iterator[PasswordPool]:
    pool = PasswordPool(1)
    yield pool
    pool.close()


@pytest.fixture
def authenticator(directory: Directory, pool: PasswordPool, clock) -> Authenticator:
    return Authenticator(directory, pool, clock=clock, key=bytes(32))


def add(
    directory: Directory,
    account: Account,
    name: str = "phone",
    password: str = PHONE,
    protocols: tuple[str, ...] = (),
    expires_at: int | None = None,
) -> AppPassword:
    salt = directory.salt(account.address)
    verifiers = [derive(hash_, password, salt, scram.MIN_ITERATIONS) for hash_ in MODERN]
    return app_passwords.add(
        directory, account, name, password, verifiers, protocols=protocols, expires_at=expires_at
    )


def prove(directory: Directory, password: str, channel: Channel = IMAP) -> Claim:
    client = ScramClient(["SCRAM-SHA-256"], "kim@example.test", password)
    server = Mechanisms(directory, hashes=MODERN).start("SCRAM-SHA-256", channel)
    assert server is not None
    first = server.step(client.get_client_first().encode())
    assert isinstance(first, bytes)
    client.set_server_first(first.decode())
    final = server.step(client.get_client_final().encode())
    assert isinstance(final, bytes)
    client.set_server_final(final.decode())
    claim = server.step(b"")
    assert not isinstance(claim, bytes)
    return claim


def enters(authenticator: Authenticator, claim: Claim, channel: Channel = IMAP) -> bool:
    try:
        asyncio.run(authenticator.login(claim, channel))
    except Refused as refused:
        assert refused.code is Code.AUTHENTICATIONFAILED
        return False
    return True


def plain(password: str) -> Credentials:
    return Credentials("kim@example.test", password)


def test_each_device_and_the_password_open_the_account(authenticator, directory, kim) -> None:
    add(directory, kim)
    add(directory, kim, "laptop", "second-second-second")
    for password in (PHONE, "second-second-second", MAIN):
        assert enters(authenticator, plain(password))
        assert enters(authenticator, prove(directory, password))
    assert not enters(authenticator, plain(PHONE + "x"))
    with pytest.raises(Refused):
        prove(directory, PHONE + "x")


def test_an_app_password_takes_no_turn(directory, kim, clock) -> None:
    class Closed(PasswordPool):
        async def verify(self, stored: str | None, password: str, who: str = "", *still: Any) -> bool:
            raise AssertionError("nothing is to be checked here")

    closed = Closed(1)
    add(directory, kim)
    assert enters(Authenticator(directory, closed, clock=clock, key=bytes(32)), plain(PHONE))
    closed.close()


def test_it_is_good_for_its_own_account_only(authenticator, directory, kim) -> None:
    add(directory, directory.add("tim@example.test", None))
    assert not enters(authenticator, plain(PHONE))
    assert enters(authenticator, Credentials("tim@example.test", PHONE))


def test_an_account_without_a_password_has_devices(authenticator, directory) -> None:
    add(directory, directory.add("kim@example.test", None))
    assert enters(authenticator, plain(PHONE))
    assert enters(authenticator, prove(directory, PHONE))


def test_it_is_good_for_its_protocols(authenticator, directory, kim) -> None:
    add(directory, kim, protocols=("imap", "smtp"))
    assert enters(authenticator, plain(PHONE), IMAP)
    assert not enters(authenticator, plain(PHONE), POP3)
    with pytest.raises(Refused):
        prove(directory, PHONE, POP3)


def test_it_is_good_until_it_expires(authenticator, directory, kim, clock) -> None:
    add(directory, kim, expires_at=int(clock.now) + 60)
    clock.now += 59
    assert enters(authenticator, plain(PHONE))
    clock.now += 1
    assert not enters(authenticator, plain(PHONE))
    with pytest.raises(Refused):
        prove(directory, PHONE)


def test_revoked_is_revoked_at_once(authenticator, directory, kim) -> None:
    add(directory, kim)
    half_proved = prove(directory, PHONE)
    app_passwords.revoke(directory, kim, "phone")
    assert not enters(authenticator, half_proved)
    assert not enters(authenticator, plain(PHONE))
    with pytest.raises(Refused):
        prove(directory, PHONE)
    assert enters(authenticator, plain(MAIN))
    with pytest.raises(Refused, match="no app password phone"):
        app_passwords.revoke(directory, kim, "phone")


def test_disabled_and_deleted_accounts_have_no_devices(authenticator, directory, kim) -> None:
    add(directory, kim)
    directory.set_enabled(kim.prefix, False)
    assert not enters(authenticator, plain(PHONE))
    with pytest.raises(Refused):
        prove(directory, PHONE)
    directory.delete(kim.prefix)
    assert app_passwords.each_of(directory, kim.prefix) == []


def test_when_and_from_where_it_was_used(directory, kim, pool, clock, tmp_path: Path) -> None:
    add(directory, kim)
    writer = Directory(tmp_path / "directory.db", clock=clock, pick=lambda below: 0)
    failures: list[BaseException] = []
    uses = Uses(pool, writer, report=failures.append)
    authenticator = Authenticator(directory, pool, clock=clock, key=bytes(32), uses=uses)

    async def enter(claim: Claim, channel: Channel) -> tuple[int | None, str]:
        await authenticator.login(claim, channel)
        await uses.settled()
        (noted,) = app_passwords.each_of(directory, kim.prefix)
        return noted.used_at, noted.used_from

    begin = int(clock.now)
    assert asyncio.run(enter(plain(PHONE), IMAP)) == (begin, "192.0.2.1")
    clock.now += 10
    assert asyncio.run(enter(plain(PHONE), IMAP)) == (begin, "192.0.2.1")  # not worth a write
    assert asyncio.run(enter(prove(directory, PHONE), POP3)) == (begin + 10, "192.0.2.2")
    clock.now += app_passwords.USE_NOTED
    assert asyncio.run(enter(plain(PHONE), POP3)) == (begin + 10 + app_passwords.USE_NOTED, "192.0.2.2")
    writer.close()
    assert failures == []


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb"])
def test_a_name_is_printable_and_short(directory, kim, name: str) -> None:
    with pytest.raises(Refused):
        add(directory, kim, name)


def test_a_name_is_used_once_and_protocols_are_known_ones(directory, kim) -> None:
    add(directory, kim)
    with pytest.raises(Refused, match="already"):
        add(directory, kim)
    with pytest.raises(Refused, match="no protocol gopher"):
        add(directory, kim, "other", protocols=("gopher",))


def test_there_are_not_any_number_of_them(directory, kim) -> None:
    for number in range(MAX_EACH):
        app_passwords.add(directory, kim, f"device {number}", f"password {number}")
    with pytest.raises(Refused) as refused:
        app_passwords.add(directory, kim, "one too many", "password")
    assert refused.value.code is Code.LIMIT


def test_what_cannot_be_prepared_is_no_app_password(authenticator, directory, kim) -> None:
    add(directory, kim)
    assert not enters(authenticator, plain("a\0b"))


def test_verifiers_that_do_not_fit_the_password_s_are_left_out(directory, kim, authenticator) -> None:
    """The iterations were raised since the password was set: one challenge cannot speak of both."""
    salt = directory.salt(kim.address)
    app_passwords.add(directory, kim, "new", PHONE, [derive(Hash.SHA_256, PHONE, salt, 5000)])
    assert enters(authenticator, prove(directory, MAIN))
    assert enters(authenticator, plain(PHONE))
    with pytest.raises(Refused):
        prove(directory, PHONE)


def test_one_for_pop3_opens_pop3_and_nothing_else(directory: Directory, kim: Account) -> None:
    app_passwords.add(directory, kim, "reader", PHONE, protocols=("pop3",))
    assert app_passwords.maybe_name(directory, kim.prefix, PHONE, POP3.protocol) == "reader"
    assert app_passwords.maybe_name(directory, kim.prefix, PHONE, IMAP.protocol) is None
