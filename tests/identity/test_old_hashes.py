"""Hashes that Dovecot, OpenLDAP and OpenSSL made, of the password "secret" where nothing else is said."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.identity import old_hashes
from pillarbox.identity.authenticate import Authenticator
from pillarbox.identity.claims import Credentials
from pillarbox.identity.completion import Completion
from pillarbox.identity.directory import Directory
from pillarbox.identity.passwords import verify
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.scram import MODERN
from pillarbox.model.errors import Refused

HASHES = [
    "{SHA512-CRYPT}$6$Mtdeh.Kzownex3Oa$"
    "flITzSzF60hgnUFiYMUfe05hiFE7xP6kAM1xHxvrABjLRqhqM9P4EyMdvEsTqCfSTVQEiGbl6l5nlM8c2zs8i.",
    "{CRYPT}$6$abcdefgh$"
    "ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
    "{SHA256-CRYPT}$5$EPJs26eMe.L6wLjj$HAgUrZ8jRdeFZOncYiKmY21tkxCmkQ8BF5LEJcW2sz1",
    "{SSHA}ddSrr8V9vD1sTxSE89lB/5DZTUd5cqAX",
    "{ssha256}4FMxpQXebZOgo8w+5xnsTIEpCHsYev+ScIuvG6sfWu7noHMU",
    "{SSHA512}m4wKRv/LrL7SJrNuilz9RcoEnYuZ8DURrJEnl7eFL5juX1+H4IMUafMCaK2lSt1YesqCT+v8E8ob/Cah+M+PUgBRH5M=",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{BLF-CRYPT}$2y$05$CdsOaOR5icYTevUAYTW3/ewzVX9SbTGItXkiTBQszmJvG6AfxQ0WS",
    "{PBKDF2}$1$8TFoymz74oSmccWM$5000$077caff04309a162d0c2aefd664b1b40c6339f2c",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$mkHI42o4Rbz2aPnnpupAow"
    "$ZHFanNTy0Q9pmsgVVNKD0jl7FR8L6pVF43n56UJ0zxU",
]


@pytest.mark.parametrize("written", HASHES, ids=lambda written: written.partition("}")[0][1:])
def test_the_right_password_and_no_other(written: str) -> None:
    stored = old_hashes.accepted(written)
    assert verify(stored, "secret")
    for wrong in ("Secret", "", "secret ", "sec\0ret", "\udcff"):
        assert not verify(stored, wrong)


@pytest.mark.parametrize("name", ["ldap_pbkdf2_sha256", "ldap_pbkdf2_sha512", "pbkdf2_sha256"])
def test_pbkdf2_as_openldap_and_others_write_it(name: str) -> None:
    from passlib import hash as library

    made = getattr(library, name).using(rounds=1000).hash("secret")
    stored = old_hashes.accepted(made if made.startswith("{") else "{PBKDF2-SHA256}" + made)
    assert verify(stored, "secret")
    assert not verify(stored, "Secret")


def test_of_a_long_password_bcrypt_knows_the_beginning() -> None:
    from passlib.hash import bcrypt

    stored = old_hashes.accepted("{BLF-CRYPT}" + bcrypt.using(rounds=4).hash("p" * 72))
    assert verify(stored, "p" * 100)
    assert not verify(stored, "p" * 71)


def test_a_password_is_tried_as_it_was_typed_and_as_it_is_prepared() -> None:
    import hashlib
    from base64 import b64encode

    for typed in ("cafe\u0301", "caf\u00e9"):
        stored = old_hashes.accepted("{SHA}" + b64encode(hashlib.sha1(typed.encode()).digest()).decode())
        assert verify(stored, "cafe\u0301")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "secret",
        "{SSHA}",
        "{SSHA}!!!",
        "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "{SHA}ddSrr8V9vD1sTxSE89lB/5DZTUd5cqAX",
        "{ROT13}frperg",
        "{PLAIN}\u00e4",
        "{BLF-CRYPT}$2y$05$short",
        "{BLF-CRYPT}$2y$31$CdsOaOR5icYTevUAYTW3/ewzVX9SbTGItXkiTBQszmJvG6AfxQ0WS",
        "{SHA512-CRYPT}$6$rounds=900000000$abc$" + "a" * 86,
        "{PBKDF2}$1$salt$900000000$" + "0" * 40,
        "{PBKDF2-SHA256}900000000$c2FsdHNhbHQ$" + "A" * 43,
        "{PBKDF2-MD5}1000$c2FsdHNhbHQ$" + "A" * 43,
        "{ARGON2ID}$argon2id$v=19$m=999999,t=99,p=1$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$",
    ],
)
def test_what_cannot_be_checked_is_not_taken(written: str) -> None:
    with pytest.raises(Refused):
        old_hashes.accepted(written)


@given(
    st.one_of(st.text(max_size=60), st.sampled_from(HASHES).map(lambda written: written[:-3])),
    st.text(max_size=9),
)
def test_whatever_is_stored_nothing_breaks(rest: str, password: str) -> None:
    for stored in (rest, "{SSHA}" + rest, "{PBKDF2}" + rest, "{CRYPT}" + rest, "{" + rest):
        assert verify(stored, password) in (True, False)


def test_an_old_hash_is_replaced_when_its_owner_logs_in(directory: Directory, clock, tmp_path: Path) -> None:
    account = directory.add("kim@example.test", old_hashes.accepted(HASHES[3]))
    writer = Directory(tmp_path / "directory.db", clock=clock, pick=lambda below: 0)
    pool = PasswordPool(1)
    completion = Completion(pool, hashes=MODERN, salt=directory.salt, record=writer.complete, report=print)
    authenticator = Authenticator(directory, pool, clock=clock, key=bytes(32), completion=completion)

    async def enter(password: str) -> None:
        await authenticator.login(Credentials("kim@example.test", password))
        await completion.settled()

    with pytest.raises(Refused):
        asyncio.run(enter("wrong"))
    assert directory.require("kim@example.test").scram == 0
    asyncio.run(enter("secret"))
    credential = directory.credential("kim@example.test")
    assert credential is not None
    assert credential.account == account.prefix
    assert credential.password_hash is not None
    assert credential.password_hash.startswith("$argon2id$")
    assert credential.scram == MODERN
    asyncio.run(enter("secret"))
    pool.close()
    writer.close()
