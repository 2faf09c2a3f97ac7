"""`directory.db`: which accounts exist, under which addresses, with which password.

One SQLite file a server, open in several processes at once (the command line works beside a running
server). A row of `account` is never removed: its prefix is part of every object id that account ever
gave out (RFC 8474), so it must never mean another account. Verbs are synchronous and short; each change
is one durable transaction.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import apsw

from pillarbox.identity import schema, scram
from pillarbox.identity.addresses import Address, address, maybe_address, without_detail
from pillarbox.identity.scram import Hash, Verifier
from pillarbox.model.errors import Code, Refused
from pillarbox.model.ids import MAX_PREFIX

# What goes with an account: its secrets, and what is known of it.
_OF_ACCOUNTS = (
    *("app_password", "app_verifier", "second_factor", "recovery_code", "forward", "outside"),
    *("oauth_grant", "oauth_code", "oauth_device", "web_session", "passkey"),
)
BUSY_MILLISECONDS = 5_000  # how long a change waits for another process' change
SECRET_OCTETS = 32
COUNTED_SECONDS = 60.0

_CREDENTIAL = """SELECT account.prefix, user, account.address, account.state, password, credential_version,
  scram, EXISTS (SELECT 1 FROM second_factor WHERE second_factor.account = account.prefix),
  outside.directory, outside.state, admin
  FROM address JOIN account ON account.prefix = address.account
  LEFT JOIN outside ON outside.account = account.prefix WHERE folded = ?"""
_ACCOUNT = """SELECT prefix, user, address, max(account.state, coalesce(outside.state, 1)), created_at,
  password IS NOT NULL, scram, admin, coalesce(directory, '')
  FROM account LEFT JOIN outside ON outside.account = account.prefix"""


class State(IntEnum):
    """`account.state`, and `outside.state`. A deleted account has no addresses; once erased it has no mail
    either."""

    ENABLED = 1
    DISABLED = 2  # nobody logs in; mail is still filed
    DELETED = 3
    ERASED = 4
    ABSENT = 5  # unknown where it is kept: nobody logs in and no mail comes; what it has stays


@dataclass(frozen=True, slots=True)
class Account:
    prefix: int
    user: int
    address: str
    state: State
    created_at: int
    has_password: bool
    scram: Hash
    admin: bool = False
    directory: str = ""  # the one elsewhere that decides on it, if any does


@dataclass(frozen=True, slots=True)
class Credential:
    """What a login is checked against."""

    account: int
    user: int
    address: str
    enabled: bool
    password_hash: str | None
    version: int
    scram: Hash  # what is stored of the password for SCRAM
    second_factor: bool  # the password alone opens nothing
    directory: str = ""  # which one elsewhere knows the password, and not this one
    receives: bool = True
    admin: bool = False


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
        self._changes = threading.Lock()
        self._counts: dict[Hash, tuple[float, list[tuple[int, int]]]] = {}
        self._stored_hashes: tuple[object, Hash] = (None, Hash(0))
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(BUSY_MILLISECONDS)
        self.run("PRAGMA journal_mode = WAL")
        self.run("PRAGMA synchronous = FULL")
        self._upgrade(path)
        self._salt = self._secret("salt")
        self.app_key = self._secret("app password")
        self.forwarding_key = self._secret("forwarding")
        self.web_key = hmac.digest(self.app_key, b"web", hashlib.sha256)

    def close(self) -> None:
        self._db.close()

    def now(self) -> int:
        return int(self._clock())

    def moment(self) -> float:
        return self._clock()

    # Reading

    def resolve(self, text: str) -> Recipient | None:
        """The account that mail for this address goes to. An account called `a+b` wins over a detail."""
        written = maybe_address(text)
        if written is None:
            return None
        found = self.recipient(written.folded)
        if found is None:
            base, detail = without_detail(written)
            found = self.recipient(base.folded, detail) if detail is not None else None
        return found

    def recipient(self, folded: str, detail: str | None = None) -> Recipient | None:
        """The account of exactly this folded address."""
        found = self._credential(folded)
        if found is None or not found.receives:
            return None
        return Recipient(found.account, found.user, found.address, detail)

    def credential(self, name: str) -> Credential | None:
        """What a login under this name (an address, without detail) is checked against."""
        written = maybe_address(name)
        return None if written is None else self._credential(written.folded)

    def salt(self, name: str) -> bytes:
        """SCRAM's salt for a name, the same for one that is nobody's: it is there before any password."""
        octets = _folded(name).encode("utf-8", "surrogatepass")
        return hmac.digest(self._salt, octets, hashlib.sha256)[: scram.SALT_OCTETS]

    def verifier(self, prefix: int, hash_: Hash) -> Verifier | None:
        """What is stored of an account's password for SCRAM with this hash function."""
        rows = self.run(
            "SELECT iterations, salt, stored_key, server_key FROM verifier"
            " WHERE account = ? AND mechanism = ?",
            *(prefix, hash_),
        )
        return Verifier(hash_, *rows[0]) if rows else None

    def iterations(self, prefix: int, wanted: int) -> int:
        """Of what is stored of an account's password from now on: those of its app passwords where it has
        some, because one exchange has one count, whoever proves it; else those that are `wanted`."""
        ((found,),) = self.run("SELECT max(iterations) FROM app_verifier WHERE account = ?", prefix)
        return found or wanted

    def device_iterations(self, prefix: int, wanted: int) -> int:
        """The same for a new app password: those of the password go before."""
        ((found,),) = self.run("SELECT max(iterations) FROM verifier WHERE account = ?", prefix)
        return found or self.iterations(prefix, wanted)

    def stored_iterations(self, prefix: int) -> set[int]:
        """With how many iterations an account's password is stored."""
        return {row[0] for row in self.run("SELECT iterations FROM verifier WHERE account = ?", prefix)}

    def usual_iterations(self, name: str, hash_: Hash, wanted: int) -> int:
        """What a name is told that has no verifier. Where some accounts have other counts than new ones, such
        names have them in the same proportion, each always the same until it changes once and for all, as an
        account does: so no count tells that there is one."""
        now = self._clock()
        if hash_ not in self._counts or not 0 <= now - self._counts[hash_][0] < COUNTED_SECONDS:
            rows = self.run(
                "SELECT iterations, count(*) FROM verifier WHERE mechanism = ? GROUP BY iterations", hash_
            )
            self._counts[hash_] = now, sorted(rows, key=lambda row: (row[0] == wanted, row[0]))
        counts = self._counts[hash_][1]
        octets = b"iterations\0" + _folded(name).encode("utf-8", "surrogatepass")
        drawn = int.from_bytes(hmac.digest(self._salt, octets, hashlib.sha256)[:8], "big")
        place = drawn * sum(many for _, many in counts) >> 64
        for iterations, many in counts:
            if place < many:
                return int(iterations)
            place -= many
        return wanted

    def stored_hashes(self) -> Hash:
        """With which hash functions every account that can log in by password can use SCRAM."""
        ((version,),) = self.run("PRAGMA data_version")  # what others have changed
        seen = version, self._db.total_changes()
        if self._stored_hashes[0] != seen:
            found = ~Hash(0)
            for hash_ in Hash:
                lacking = ",".join(str(bits) for bits in range(1 << len(Hash)) if not bits & hash_)
                if self.run(
                    "SELECT 1 FROM account WHERE state = 1 AND password IS NOT NULL"
                    f" AND scram IN ({lacking}) AND prefix NOT IN (SELECT account FROM second_factor) LIMIT 1"
                ):
                    found &= ~hash_
            self._stored_hashes = seen, found
        return self._stored_hashes[1]

    def find(self, text: str) -> Account | None:
        written = maybe_address(text)
        if written is None:
            return None
        rows = self.run(
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
        rows = self.run(_ACCOUNT + " WHERE account.state <= ? ORDER BY address", State.DISABLED)
        return [_account(row) for row in rows]

    def unerased(self) -> list[int]:
        """Deleted accounts whose mail is still there: erasing them was interrupted."""
        return [row[0] for row in self.run("SELECT prefix FROM account WHERE state = ?", State.DELETED)]

    def is_empty(self) -> bool:
        """Whether there never was an account."""
        return not self.run("SELECT 1 FROM account LIMIT 1")

    def free_prefix(self) -> int:
        """A number no account ever had."""
        while True:
            prefix = 1 + self._pick(MAX_PREFIX)
            if not self.run("SELECT 1 FROM account WHERE prefix = ?", prefix):
                return prefix

    # Changing

    def add(
        self,
        text: str,
        password_hash: str | None,
        prefix: int | None = None,
        verifiers: Iterable[Verifier] = (),
    ) -> Account:
        """A new account; `prefix` is one from `free_prefix`, whose folder exists already."""
        written = address(text)
        with self.changing():
            if self.run("SELECT 1 FROM address WHERE folded = ?", written.folded):
                raise Refused(f"{written} exists already", Code.ALREADYEXISTS)
            if self.run("SELECT 1 FROM alias WHERE folded = ?", written.folded):
                raise Refused(f"{written} is an alias", Code.ALREADYEXISTS)
            prefix = prefix or self.free_prefix()
            self.insert(written, password_hash, prefix)
            self._set_verifiers(prefix, verifiers)
            (row,) = self.run(_ACCOUNT + " WHERE prefix = ?", prefix)
        return _account(row)

    def insert(self, written: Address, password_hash: str | None, prefix: int) -> None:
        """The rows of a new account, in a transaction that is open."""
        now = self.now()
        ((user,),) = self.run("SELECT coalesce(max(user), 0) + 1 FROM account")
        self.run(
            "INSERT INTO account (prefix, user, address, state, password, credential_version, created_at,"
            " changed_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
            *(prefix, user, str(written), State.ENABLED, password_hash, now, now),
        )
        self.run("INSERT INTO address VALUES (?, ?)", written.folded, prefix)
        domain = written.folded.rpartition("@")[2]
        self.run("INSERT OR IGNORE INTO domain VALUES (?, ?, NULL, ?)", domain, written.domain, now)

    def set_password(
        self, prefix: int, password_hash: str | None, verifiers: Iterable[Verifier] = ()
    ) -> None:
        with self.changing():
            self.touch(prefix, "password = ?", password_hash)
            self._set_verifiers(prefix, verifiers)

    def complete(
        self, prefix: int, version: int, password_hash: str | None, verifiers: Iterable[Verifier]
    ) -> None:
        """Store the same password in further ways, unless it has changed since `version`; `password_hash`
        replaces the present one where it is not None. What is remembered of logins stays good."""
        verifiers = tuple(verifiers)
        with self.changing():
            if any(each.iterations != self.iterations(prefix, each.iterations) for each in verifiers):
                return  # an app password has been made meanwhile
            if self.run(
                "UPDATE account SET password = coalesce(?, password)"
                " WHERE prefix = ? AND credential_version = ? AND password IS NOT NULL RETURNING 1",
                *(password_hash, prefix, version),
            ):
                self._set_verifiers(prefix, verifiers)

    def set_enabled(self, prefix: int, enabled: bool) -> None:
        with self.changing():
            self.touch(prefix, "state = ?", State.ENABLED if enabled else State.DISABLED)

    def set_admin(self, prefix: int, admin: bool) -> None:
        with self.changing():
            self.touch(prefix, "admin = ?", admin)

    def delete(self, prefix: int) -> None:
        """From now on nobody logs in and no mail comes; the address is free. The mail is erased later."""
        with self.changing():
            self.touch(prefix, "password = NULL, state = ?", State.DELETED)
            self._set_verifiers(prefix, ())
            self.run("DELETE FROM address WHERE account = ?", prefix)
            self.run(
                "DELETE FROM oauth_token WHERE grant_id IN (SELECT id FROM oauth_grant WHERE account = ?)",
                prefix,
            )
            for table in _OF_ACCOUNTS:
                self.run(f"DELETE FROM {table} WHERE account = ?", prefix)

    def erased(self, prefix: int) -> None:
        """The mail of this deleted account is gone."""
        with self.changing():
            self.touch(prefix, "state = ?", State.ERASED)

    # Inside

    def _credential(self, folded: str) -> Credential | None:
        rows = self.run(_CREDENTIAL, folded)
        if not rows:
            return None
        prefix, user, spelled, state, password_hash, version, stored, second, *more = rows[0]
        directory, there, admin = more
        return Credential(
            prefix,
            user,
            spelled,
            state == State.ENABLED and there in (None, State.ENABLED),
            password_hash,
            version,
            Hash(stored),
            bool(second),
            directory or "",
            there != State.ABSENT,
            bool(admin),
        )

    def _set_verifiers(self, prefix: int, verifiers: Iterable[Verifier]) -> Hash:
        self.run("DELETE FROM verifier WHERE account = ?", prefix)
        stored = Hash(0)
        for each in verifiers:
            self.run(
                "INSERT INTO verifier VALUES (?, ?, ?, ?, ?, ?)",
                *(prefix, each.hash, each.iterations, each.salt, each.stored_key, each.server_key),
            )
            stored |= each.hash
        self.run("UPDATE account SET scram = ? WHERE prefix = ?", stored, prefix)
        return stored

    def touch(
        self, prefix: int, assignment: str = "state = coalesce(?, state)", value: object = None
    ) -> None:
        """A change of what logins depend on: nothing remembered or half proved is good any more."""
        self.run(
            f"UPDATE account SET {assignment}, credential_version = credential_version + 1, changed_at = ?"
            " WHERE prefix = ?",
            *(value, int(self._clock()), prefix),
        )

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One durable transaction. Threads that only change things may share a directory."""
        with self._changes:
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a failed COMMIT may have ended it already
                    self.run("ROLLBACK")
                raise

    def _upgrade(self, path: Path) -> None:
        if self._version() == schema.VERSION:
            return
        with self.changing():
            version = self._version()  # another process may have been quicker
            if version > schema.VERSION:
                raise Refused(f"{path} was written by a newer Pillarbox (its schema is {version})")
            for step in schema.UPGRADES[version:]:
                for statement in step:
                    self._db.execute(statement, self._random() if ":random" in statement else None)
            self.run(f"PRAGMA user_version = {schema.VERSION}")

    def _secret(self, name: str) -> bytes:
        ((octets,),) = self.run("SELECT octets FROM secret WHERE name = ?", name)
        return bytes(octets)

    def _random(self) -> dict[str, bytes]:
        return {"random": bytes(self._pick(256) for _ in range(SECRET_OCTETS))}

    def _version(self) -> int:
        ((version,),) = self.run("PRAGMA user_version")
        return int(version)


def _folded(name: str) -> str:
    written = maybe_address(name)
    return name if written is None else written.folded


def _account(row: tuple[Any, ...]) -> Account:
    prefix, user, spelled, state, created_at, has_password, stored, admin, directory = row
    flags = Hash(stored), bool(admin), directory
    return Account(prefix, user, spelled, State(state), created_at, bool(has_password), *flags)
