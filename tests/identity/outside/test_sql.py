"""Accounts in tables, on SQLite and on PostgreSQL: the same answers, whatever somebody is called."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pillarbox.identity.addresses import Address, address
from pillarbox.identity.outside.source import Found, Unreachable
from pillarbox.identity.outside.spelling import names
from pillarbox.identity.outside.sql import Queries, Tables, for_psycopg, postgresql, sqlite
from pillarbox.identity.passwords import hash_password
from tests.identity.outside.postgres import Cluster, cluster

TABLES = (
    "CREATE TABLE people (id INTEGER, address TEXT, hash TEXT, quota TEXT, off TEXT, boss TEXT)",
    "CREATE TABLE aliases (alias TEXT, person INTEGER)",
)
CRYPT = "$6$rounds=5000$saltsalt$"
ACCOUNT = """SELECT p.id, p.address, p.quota, p.off AS disabled, p.boss AS admin -- who: it is
  FROM people p LEFT JOIN aliases a ON a.person = p.id /* :nothing */
  WHERE p.address = :address OR a.alias = :address OR 'a:b%' = :local GROUP BY 1, 2, 3, 4, 5"""
PASSWORD = "SELECT hash FROM people WHERE address = :address AND :domain LIKE '%.test'"
ALIASES = "SELECT alias FROM aliases JOIN people ON id = person WHERE address = :address"

Fill = Callable[[str], None]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Tables, Fill]]:
    queries = Queries(ACCOUNT, PASSWORD, ALIASES)
    if request.param == "sqlite":
        path = tmp_path / "people.db"

        def fill(sql: str) -> None:
            with sqlite3.connect(path) as db:
                db.executescript(sql)
            db.close()

        made = Tables(sqlite(path, 5.0), queries, 2)
    else:
        running: Cluster = request.getfixturevalue("postgres")
        url, fill = running.database(), running.run
        made = Tables(postgresql(url, running.password, 5.0), queries, 2)
    for table in TABLES:
        fill(table)
    yield made, fill
    made.close()


def add(fill: Fill, id: int, address: str, stored: str | None, more: str = "NULL, NULL, NULL") -> None:
    quoted = "NULL" if stored is None else f"'{stored}'"
    fill(f"INSERT INTO people VALUES ({id}, '{address}', {quoted}, {more})")


def test_who_is_there(tables) -> None:
    source, fill = tables
    add(fill, 1, "kim@corp.test", None, "'2G', 'no', 'yes'")
    add(fill, 2, "tim@corp.test", None, "'0', '1', NULL")
    fill("INSERT INTO aliases VALUES ('boss@corp.test', 1), ('chief@corp.test', 1)")
    kim = Found("kim@corp.test", "1", ("boss@corp.test", "chief@corp.test"), True, 2 * 1024**3, False, True)
    assert source.find(address("Kim@CORP.test")) == kim
    assert source.find(address("boss@corp.test")).address == "kim@corp.test"
    tim = source.find(address("tim@corp.test"))
    assert (tim.quota, tim.disabled, tim.admin) == (None, True, False)
    assert source.find(address("nobody@corp.test")) is None


def test_every_kind_of_hash(tables) -> None:
    from passlib.hash import bcrypt, sha512_crypt

    source, fill = tables
    hashes = {
        "argon": hash_password("secret"),
        "crypt": sha512_crypt.using(rounds=5000).hash("secret"),
        "bcrypt": bcrypt.using(rounds=4).hash("secret"),
        "named": "{SHA512-CRYPT}" + sha512_crypt.using(rounds=5000).hash("secret"),
        "ssha": "{SSHA}Kx2Y1Tv8XgPoZQ8mHqZ4mZ4pE9R6a2V5",
        "plain": "{PLAIN}secret",
    }
    for number, (name, stored) in enumerate(hashes.items()):
        add(fill, number, f"{name}@corp.test", stored)
    for name in hashes:
        right = source.verify(address(f"{name}@corp.test"), "secret")
        assert (right is not None) == (name != "ssha"), name
        assert source.verify(address(f"{name}@corp.test"), "wrong") is None
        assert source.verify(address(f"{name}@corp.test"), "") is None
    assert source.verify(address("nobody@corp.test"), "secret") is None


def test_who_has_no_hash_does_not_come_in(tables) -> None:
    source, fill = tables
    add(fill, 1, "kim@corp.test", None)
    add(fill, 2, "tim@corp.test", "")
    assert source.verify(address("kim@corp.test"), "secret") is None
    with pytest.raises(Unreachable):
        source.verify(address("tim@corp.test"), "secret")


def test_a_hash_of_a_kind_that_is_not_known_is_said_to_the_log(tables) -> None:
    source, fill = tables
    add(fill, 1, "kim@corp.test", "md5-of-something")
    with pytest.raises(Unreachable) as wrong:
        source.verify(address("kim@corp.test"), "secret")
    assert "kim@corp.test" in str(wrong.value) and "md5-of-something" not in str(wrong.value)


@pytest.mark.parametrize(
    "local",
    [
        "'",
        "' OR '1'='1",
        "kim'--",
        "%",
        "_im",
        "*",
        "kim\\",
        ":address",
        "%(address)s",
        "'; DROP TABLE people; --",
    ],
)
def test_no_name_is_more_than_a_value(tables, local) -> None:
    source, fill = tables
    add(fill, 1, "kim@corp.test", "{PLAIN}secret")
    wanted = Address(local, "corp.test", f"{local}@corp.test")
    assert source.find(wanted) is None
    assert source.verify(wanted, "secret") is None
    assert source.find(address("kim@corp.test")) is not None


def test_nothing_can_be_written(tables) -> None:
    source, _ = tables
    source._queries = Queries("INSERT INTO people (address) VALUES (:address) RETURNING address", PASSWORD)
    with pytest.raises(Unreachable):
        source.find(address("kim@corp.test"))


def test_two_accounts_of_one_address_are_nobodys(tables) -> None:
    source, fill = tables
    add(fill, 1, "kim@corp.test", "{PLAIN}a")
    add(fill, 2, "kim@corp.test", "{PLAIN}b")
    with pytest.raises(Unreachable):
        source.verify(address("kim@corp.test"), "a")


def test_a_missing_database_is_no_answer(tmp_path) -> None:
    source = Tables(sqlite(tmp_path / "none.db", 1.0), Queries(ACCOUNT, PASSWORD), 2)
    with pytest.raises(Unreachable):
        source.find(address("kim@corp.test"))
    assert not (tmp_path / "none.db").exists()


def test_a_missing_server_is_no_answer_and_tells_no_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    source = Tables(
        postgresql("postgresql://mail:hush@127.0.0.1:1/none", "", 2.0), Queries(ACCOUNT, PASSWORD), 2
    )
    with pytest.raises(Unreachable) as wrong:
        source.find(address("kim@corp.test"))
    assert "hush" not in str(wrong.value)


def test_a_database_that_was_restarted_is_asked_again(postgres) -> None:
    fill = postgres.run
    url = postgres.database()
    for table in TABLES:
        fill(table)
    source = Tables(postgresql(url, postgres.password, 5.0), Queries(ACCOUNT, PASSWORD), 2)
    add(fill, 1, "kim@corp.test", "{PLAIN}secret")
    assert source.find(address("kim@corp.test")) is not None
    postgres.drop_connections()
    assert source.find(address("kim@corp.test")) is not None
    source.close()


def test_placeholders() -> None:
    assert names(ACCOUNT) == ["address", "address", "local"]
    assert for_psycopg("SELECT ':a', \":b\", 1::text, '5%' -- :c\n WHERE x = :address") == (
        "SELECT ':a', \":b\", 1::text, '5%%' -- :c\n WHERE x = %(address)s"
    )
