"""App passwords: one for each device, made here, shown once, and revoked without touching the others.

They are random and long, so nobody guesses them: what is stored is one HMAC, found by a look into the
directory, beside SCRAM verifiers with the salt and the iterations of the account's name. So a device
logs in by whichever mechanism it likes, and costs no turn at the threads that check what people choose.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.prepare import prepare
from pillarbox.identity.scram import Hash, Verifier
from pillarbox.model.errors import Code, Refused

PROTOCOLS = ("imap", "pop3", "smtp", "managesieve", "http")
MAX_NAME = 64  # characters
MAX_EACH = 100  # of an account; each is tried when one of them proves itself by SCRAM
_DAYS = re.compile(r"(\d{1,5})d")
USE_NOTED = 60  # seconds: a device that connects all the time is noted once in so many


@dataclass(frozen=True, slots=True)
class AppPassword:
    """`protocols` is empty where all are allowed; `expires_at` is the first moment it is no good."""

    name: str
    protocols: tuple[str, ...]
    created_at: int
    expires_at: int | None
    used_at: int | None
    used_from: str


def add(
    directory: Directory,
    account: Account,
    name: str,
    password: str,
    verifiers: Iterable[Verifier] = (),
    *,
    protocols: tuple[str, ...] = (),
    expires_at: int | None = None,
) -> AppPassword:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise Refused(f"An app password has a name of 1 to {MAX_NAME} printable characters", Code.CANNOT)
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise Refused(f"There is no protocol {protocol} ({', '.join(PROTOCOLS)})", Code.CANNOT)
    now = directory.now()
    with directory.changing():
        names = [each.name for each in each_of(directory, account.prefix)]
        if name in names:
            raise Refused(f"{account.address} has an app password {name} already", Code.ALREADYEXISTS)
        if len(names) >= MAX_EACH:
            raise Refused(f"{account.address} has {MAX_EACH} app passwords already", Code.LIMIT)
        directory.run(
            "INSERT INTO app_password VALUES (?, ?, ?, ?, ?, ?, NULL, '')",
            *(account.prefix, name, _digest(directory, account.prefix, password)),
            *(" ".join(protocols), now, expires_at),
        )
        for one in verifiers:
            directory.run(
                "INSERT INTO app_verifier VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(account.prefix, name, one.hash, one.iterations, one.salt, one.stored_key, one.server_key),
            )
    return AppPassword(name, protocols, now, expires_at, None, "")


def end_of(expires: str, now: int) -> int | None:
    """The moment after the last day, which ends in UTC."""
    if not expires:
        return None
    today = datetime.fromtimestamp(now, UTC).date()
    try:
        match = _DAYS.fullmatch(expires)
        last = today + timedelta(int(match[1])) if match else datetime.strptime(expires, "%Y-%m-%d").date()
        after = last + timedelta(1)
    except (ValueError, OverflowError):
        raise Refused(f"{expires} is no day; write 2027-01-31 or 90d") from None
    if last < today:
        raise Refused(f"{expires} has passed")
    return int(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp())


def each_of(directory: Directory, prefix: int) -> list[AppPassword]:
    """By name."""
    rows = directory.run(
        "SELECT name, protocols, created_at, expires_at, used_at, used_from FROM app_password"
        " WHERE account = ? ORDER BY name",
        prefix,
    )
    return [_app_password(row) for row in rows]


def revoke(directory: Directory, account: Account, name: str) -> None:
    with directory.changing():
        if not directory.run(
            "DELETE FROM app_password WHERE account = ? AND name = ? RETURNING 1", account.prefix, name
        ):
            raise Refused(f"{account.address} has no app password {name}", Code.NONEXISTENT)
        directory.run("DELETE FROM app_verifier WHERE account = ? AND name = ?", account.prefix, name)
        directory.touch(
            account.prefix, "password = password || ?", ""
        )  # proofs under way are no good any more


def maybe_name(directory: Directory, prefix: int, password: str, protocol: str) -> str | None:
    """Which app password this is, if it is one that may be used now for this."""
    try:
        digest = _digest(directory, prefix, password)
    except Refused:
        return None
    rows = directory.run(
        "SELECT name, protocols, created_at, expires_at, used_at, used_from FROM app_password"
        " WHERE account = ? AND digest = ?",
        *(prefix, digest),
    )
    return next(
        (one.name for one in map(_app_password, rows) if _is_good(one, protocol, directory.now())), None
    )


def verifiers(directory: Directory, prefix: int, hash_: Hash, protocol: str) -> list[tuple[str, Verifier]]:
    """The SCRAM verifiers of the app passwords that may be used now for this, with their names."""
    good = {one.name for one in each_of(directory, prefix) if _is_good(one, protocol, directory.now())}
    if not good:
        return []
    rows = directory.run(
        "SELECT name, iterations, salt, stored_key, server_key FROM app_verifier"
        " WHERE account = ? AND mechanism = ?",
        *(prefix, hash_),
    )
    return [(name, Verifier(hash_, *about)) for name, *about in rows if name in good]


def note_use(directory: Directory, prefix: int, name: str, peer: str) -> None:
    """When and from where it was used last; seldom enough to be no burden."""
    now = directory.now()
    with directory.changing():
        directory.run(
            "UPDATE app_password SET used_at = ?, used_from = ? WHERE account = ? AND name = ?"
            " AND (used_at IS NULL OR used_at <= ? OR used_from <> ?)",
            *(now, peer, prefix, name, now - USE_NOTED, peer),
        )


def _is_good(one: AppPassword, protocol: str, now: int) -> bool:
    # RFC 5034 4: the service is "pop", which people call by its version
    named = "pop3" if protocol == "pop" else protocol
    return (not one.protocols or named in one.protocols) and (one.expires_at is None or now < one.expires_at)


def _digest(directory: Directory, prefix: int, password: str) -> bytes:
    return hmac.digest(directory.app_key, f"{prefix}:{prepare(password)}".encode(), hashlib.sha256)


def _app_password(row: tuple[Any, ...]) -> AppPassword:
    name, protocols, created_at, expires_at, used_at, used_from = row
    return AppPassword(name, tuple(protocols.split()), created_at, expires_at, used_at, used_from)
