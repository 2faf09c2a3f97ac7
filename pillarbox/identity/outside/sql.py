"""Accounts in tables of a database: one query says who somebody is, another what their password is hashed to.

Values are bound, never written into a query: `:address`, `:local` and `:domain` stand for them in both kinds
of database. Nothing is ever written: connections are read-only.
"""

import hmac
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apsw

from pillarbox.identity import old_hashes, passwords
from pillarbox.identity.addresses import Address
from pillarbox.identity.outside.source import Found, Unreachable
from pillarbox.identity.outside.spelling import PIECE, is_yes, octets, values
from pillarbox.model.errors import Refused

Row = Mapping[str, Any]

_BARE = re.compile(r"\$(?:2[aby]|5|6)\$")


@dataclass(frozen=True, slots=True)
class Queries:
    """`aliases` may be "": then an address that is somebody's alias is found by `account` alone."""

    account: str
    password: str
    aliases: str = ""


class Connection(Protocol):
    def rows(self, query: str, given: dict[str, str]) -> list[Row]: ...

    def close(self) -> None: ...


class Tables:
    """A source. `connect` raises `Unreachable`; up to `most` connections are kept."""

    def __init__(self, connect: Callable[[], Connection], queries: Queries, most: int) -> None:
        self._connect = connect
        self._queries = queries
        self._most = most
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def find(self, wanted: Address) -> Found | None:
        rows = self._rows(self._queries.account, wanted)
        if len(rows) > 1:
            raise Unreachable(f"the query finds {len(rows)} accounts for {wanted}")
        if not rows:
            return None
        row = rows[0]
        own = str(row.get("address") or wanted)
        quota = row.get("quota")
        found_key = row.get("id")
        return Found(
            own,
            "" if found_key is None else str(found_key),
            self._aliases(wanted),
            bool(self._queries.aliases),
            None if quota is None else octets(str(quota)),
            is_yes(row.get("disabled")),
            is_yes(row["admin"]) if "admin" in row else None,
        )

    def verify(self, wanted: Address, password: str) -> Found | None:
        found = self.find(wanted)
        rows = self._rows(self._queries.password, wanted) if found is not None else []
        stored = next(iter(rows[0].values()), None) if len(rows) == 1 else None
        return found if password and _is(stored, password, wanted) else None

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def _aliases(self, wanted: Address) -> tuple[str, ...]:
        if not self._queries.aliases:
            return ()
        return tuple(str(next(iter(row.values()))) for row in self._rows(self._queries.aliases, wanted))

    def _rows(self, query: str, wanted: Address) -> list[Row]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                return self._asked(connection, query, wanted)
            except Unreachable:
                self.close()  # a database that was restarted has closed the others too
        return self._asked(self._connect(), query, wanted)

    def _asked(self, connection: Connection, query: str, wanted: Address) -> list[Row]:
        try:
            found = connection.rows(query, values(wanted))
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(connection)
                return found
        connection.close()
        return found


def tables(connect: Callable[[], Connection], queries: Queries, most: int) -> Tables:
    return Tables(connect, queries, most)


def _is(stored: object, password: str, wanted: Address) -> bool:
    """Whether this is the password behind what is stored; None takes as long as a wrong one."""
    if stored is None:
        return passwords.verify(None, password)
    text = stored.decode("utf-8", "replace") if isinstance(stored, bytes) else str(stored).strip()
    plain = old_hashes.maybe_plain(text)
    if plain is not None:
        return hmac.compare_digest(plain.encode(), password.encode("utf-8", "surrogatepass"))
    try:
        # How programs of the web store them, without the name of the scheme.
        hashed = old_hashes.accepted(f"{{CRYPT}}{text}" if _BARE.match(text) else text)
    except Refused as refused:
        raise Unreachable(f"the password of {wanted}: {refused.text}") from None
    return passwords.verify(hashed, password)


# SQLite


class _Sqlite:
    def __init__(self, path: Path, timeout: float) -> None:
        self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        self._db.set_busy_timeout(int(timeout * 1000))

    def rows(self, query: str, given: dict[str, str]) -> list[Row]:
        try:
            cursor = self._db.cursor()
            cursor.execute(query, given)
            return [dict(zip([name for name, _ in cursor.getdescription()], row)) for row in cursor]
        except (apsw.Error, KeyError) as error:
            raise Unreachable(str(error)) from None

    def close(self) -> None:
        self._db.close()


def sqlite(path: Path, timeout: float) -> Callable[[], Connection]:
    def connect() -> Connection:
        try:
            return _Sqlite(path, timeout)
        except apsw.Error as error:
            raise Unreachable(f"{path}: {error}") from None

    return connect


# PostgreSQL


class _Postgresql:
    def __init__(self, connection: Any, error: type[Exception]) -> None:
        self._connection = connection
        self._error = error

    def rows(self, query: str, given: dict[str, str]) -> list[Row]:
        try:
            cursor = self._connection.execute(for_psycopg(query), given)
            return list(cursor.fetchall())
        except self._error as error:
            raise Unreachable(_line(error)) from None

    def close(self) -> None:
        self._connection.close()


def postgresql(url: str, password: str, timeout: float) -> Callable[[], Connection]:
    try:
        import psycopg
        from psycopg.rows import dict_row
    except ImportError:
        raise Refused("A directory in PostgreSQL needs pillarbox[postgresql]") from None

    open_: Any = psycopg.connect

    def connect() -> Connection:
        secret = {"password": password} if password else {}
        try:
            made = open_(
                url, autocommit=True, row_factory=dict_row, connect_timeout=max(2, int(timeout)), **secret
            )
            made.execute("SELECT set_config('default_transaction_read_only', 'on', false)")
            made.execute("SELECT set_config('statement_timeout', %s, false)", (str(int(timeout * 1000)),))
        except psycopg.Error as error:
            raise Unreachable(_line(error)) from None
        return _Postgresql(made, psycopg.Error)

    return connect


def for_psycopg(query: str) -> str:
    """The same query with psycopg's placeholders; what is no placeholder is written as it writes that."""

    def piece(match: re.Match[str]) -> str:
        return f"%({match['name']})s" if match["name"] else match[0]

    return PIECE.sub(piece, query.replace("%", "%%"))


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
