"""`directory.db`: which accounts exist, under which addresses, with which password.

One SQLite file a server, open in several processes at once (the command line works beside a running
server). A row of `account` is never removed: its prefix is part of every object id that account ever
gave out (RFC 8474), so it must never mean another account. Verbs are synchronous and short; each change
is one durable transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import apsw

from pillarbox.identity.addresses import address, maybe_address, without_detail
from pillarbox.model.errors import Code, Refused
from pillarbox.model.ids import MAX_PREFIX

SCHEMA_VERSION = 1
BUSY_MILLISECONDS = 5_000  # how long a change waits for another process' change

_SCHEMA = (
    """CREATE TABLE account (
      prefix INTEGER NOT NULL PRIMARY KEY,   -- high 31 bits of every object id; random, never reused
      user INTEGER NOT NULL UNIQUE,          -- the number in every per-user row; 0 is the server
      address TEXT NOT NULL,                 -- as it was written
      state INTEGER NOT NULL,
      password TEXT,                         -- argon2id, PHC string; NULL: nobody logs in
      credential_version INTEGER NOT NULL,   -- grows with each change of what a login depends on
      created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL)""",
    """CREATE TABLE address (                 -- the account's own address and its aliases
      folded TEXT NOT NULL PRIMARY KEY, account INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX address_account ON address (account)",
)

_CREDENTIAL = """SELECT account.prefix, user, account.address, state, password, credential_version
  FROM address JOIN account ON account.prefix = address.account WHERE folded = ?"""
_ACCOUNT = "SELECT prefix, user, address, state, created_at, password IS NOT NULL FROM account"


class State(IntEnum):
    """`account.state`. A deleted account has no addresses; once erased it has no mail either."""

    ENABLED = 1
    DISABLED = 2  # nobody logs in; mail is still filed
    DELETED = 3
    ERASED = 4


@dataclass(frozen=True, slots=True)
class Account:
    prefix: int
    user: int
    address: str
    state: State
    created_at: int
    has_password: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """What a login is checked against."""

    account: int
    user: int
    address: str
    enabled: bool
    password_hash: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where mail for an address goes: an account, and what stood behind the plus sign, if any."""

    account: int
    user: int
    address: str  # the account's own address
    detail: str | None = None


class Directory:
    """`clock` gives seconds since 1970, `pick(n)` a random number below n."""

    def __init__(self, path: Path, *, clock: Callable[[], float], pick: Callable[[int], int]) -> None:
        self._clock = clock
        self._pick = pick
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(BUSY_MILLISECONDS)
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        self._upgrade(path)

    def close(self) -> None:
        self._db.close()

    # Reading

    def resolve(self, text: str) -> Recipient | None:
        """The account that mail for this address goes to. An account called `a+b` wins over a detail."""
        written = maybe_address(text)
        if written is None:
            return None
        credential = self._credential(written.folded)
        detail = None
        if credential is None:
            base, detail = without_detail(written)
            credential = self._credential(base.folded) if detail is not None else None
        if credential is None:
            return None
        return Recipient(credential.account, credential.user, credential.address, detail)

    def credential(self, name: str) -> Credential | None:
        """What a login under this name (an address, without detail) is checked against."""
        written = maybe_address(name)
        return None if written is None else self._credential(written.folded)

    def find(self, text: str) -> Account | None:
        written = maybe_address(text)
        if written is None:
            return None
        rows = self._run(
            _ACCOUNT + " WHERE prefix = (SELECT account FROM address WHERE folded = ?)", written.folded
        )
        return _account(rows[0]) if rows else None

    def require(self, text: str) -> Account:
        found = self.find(text)
        if found is None:
            raise Refused(f"There is no account {text}", Code.NONEXISTENT)
        return found

    def accounts(self) -> list[Account]:
        """Every account that exists, by address."""
        rows = self._run(_ACCOUNT + " WHERE state <= ? ORDER BY address", State.DISABLED)
        return [_account(row) for row in rows]

    def unerased(self) -> list[int]:
        """Deleted accounts whose mail is still there: erasing them was interrupted."""
        return [row[0] for row in self._run("SELECT prefix FROM account WHERE state = ?", State.DELETED)]

    def is_empty(self) -> bool:
        """Whether there never was an account."""
        return not self._run("SELECT 1 FROM account LIMIT 1")

    def free_prefix(self) -> int:
        """A number no account ever had."""
        while True:
            prefix = 1 + self._pick(MAX_PREFIX)
            if not self._run("SELECT 1 FROM account WHERE prefix = ?", prefix):
                return prefix

    # Changing

    def add(self, text: str, password_hash: str | None, prefix: int | None = None) -> Account:
        """A new account; `prefix` is one from `free_prefix`, whose folder exists already."""
        written = address(text)
        now = int(self._clock())
        with self._changing():
            if self._run("SELECT 1 FROM address WHERE folded = ?", written.folded):
                raise Refused(f"{written} exists already", Code.ALREADYEXISTS)
            prefix = prefix or self.free_prefix()
            ((user,),) = self._run("SELECT coalesce(max(user), 0) + 1 FROM account")
            self._run(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
                *(prefix, user, str(written), State.ENABLED, password_hash, now, now),
            )
            self._run("INSERT INTO address VALUES (?, ?)", written.folded, prefix)
        return Account(prefix, user, str(written), State.ENABLED, now, password_hash is not None)

    def set_password(self, prefix: int, password_hash: str | None) -> None:
        with self._changing():
            self._touch(prefix, "password = ?", password_hash)

    def set_enabled(self, prefix: int, enabled: bool) -> None:
        with self._changing():
            self._touch(prefix, "state = ?", State.ENABLED if enabled else State.DISABLED)

    def delete(self, prefix: int) -> None:
        """From now on nobody logs in and no mail comes; the address is free. The mail is erased later."""
        with self._changing():
            self._touch(prefix, "password = NULL, state = ?", State.DELETED)
            self._run("DELETE FROM address WHERE account = ?", prefix)

    def erased(self, prefix: int) -> None:
        """The mail of this deleted account is gone."""
        with self._changing():
            self._touch(prefix, "state = ?", State.ERASED)

    # Inside

    def _credential(self, folded: str) -> Credential | None:
        rows = self._run(_CREDENTIAL, folded)
        if not rows:
            return None
        prefix, user, spelled, state, password_hash, version = rows[0]
        return Credential(prefix, user, spelled, state == State.ENABLED, password_hash, version)

    def _touch(self, prefix: int, assignment: str, value: object) -> None:
        self._run(
            f"UPDATE account SET {assignment}, credential_version = credential_version + 1, changed_at = ?"
            " WHERE prefix = ?",
            *(value, int(self._clock()), prefix),
        )

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a failed COMMIT may have ended it already
                self._run("ROLLBACK")
            raise

    def _upgrade(self, path: Path) -> None:
        if self._version() == SCHEMA_VERSION:
            return
        with self._changing():
            version = self._version()  # another process may have been quicker
            if version > SCHEMA_VERSION:
                raise Refused(f"{path} was written by a newer Pillarbox (its schema is {version})")
            if version == 0:
                for statement in _SCHEMA:
                    self._run(statement)
                self._run(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        ((version,),) = self._run("PRAGMA user_version")
        return int(version)


def _account(row: tuple[Any, ...]) -> Account:
    prefix, user, spelled, state, created_at, has_password = row
    return Account(prefix, user, spelled, State(state), created_at, bool(has_password))
