"""Passkeys (WebAuthn): public keys of people's authenticators. What proves one is checked in `web`."""

from dataclasses import dataclass

from pillarbox.identity.directory import Account, Directory
from pillarbox.model.errors import Code, Refused

MAX_NAME = 64
MAX_EACH = 20  # of an account
MAX_ID = 1023  # octets; WebAuthn 6.1


@dataclass(frozen=True, slots=True)
class Passkey:
    id: bytes
    account: int
    name: str
    public_key: bytes  # COSE
    sign_count: int
    created_at: int
    used_at: int | None


def add(directory: Directory, account: int, id: bytes, name: str, public_key: bytes, sign_count: int) -> None:
    name = name.strip() or "passkey"
    if len(name) > MAX_NAME or not name.isprintable():
        raise Refused(f"A passkey has a name of 1 to {MAX_NAME} printable characters", Code.CANNOT)
    if not 0 < len(id) <= MAX_ID:
        raise Refused("That is no passkey", Code.CANNOT)
    with directory.changing():
        if len(each_of(directory, account)) >= MAX_EACH:
            raise Refused(f"There are {MAX_EACH} passkeys already", Code.LIMIT)
        if not directory.run(
            "INSERT OR IGNORE INTO passkey VALUES (?, ?, ?, ?, ?, ?, NULL) RETURNING 1",
            *(id, account, name, public_key, sign_count, directory.now()),
        ):
            raise Refused("That passkey is here already", Code.ALREADYEXISTS)


def find(directory: Directory, id: bytes) -> Passkey | None:
    rows = directory.run(f"SELECT {_ALL} FROM passkey WHERE id = ?", id)
    return Passkey(*rows[0]) if rows else None


def each_of(directory: Directory, account: int) -> list[Passkey]:
    """Oldest first."""
    rows = directory.run(f"SELECT {_ALL} FROM passkey WHERE account = ? ORDER BY created_at, id", account)
    return [Passkey(*row) for row in rows]


def used(directory: Directory, passkey: Passkey, sign_count: int) -> bool:
    """Whether it is still as it was looked at: of two uses at once with one count one is a copy's."""
    with directory.changing():
        return bool(
            directory.run(
                "UPDATE passkey SET sign_count = ?, used_at = ? WHERE id = ? AND sign_count = ? RETURNING 1",
                *(sign_count, directory.now(), passkey.id, passkey.sign_count),
            )
        )


def remove(directory: Directory, account: int, id: bytes) -> None:
    with directory.changing():
        if not directory.run("DELETE FROM passkey WHERE account = ? AND id = ? RETURNING 1", account, id):
            raise Refused("There is no such passkey", Code.NONEXISTENT)
        # Whoever is signed in by it is not any more.
        directory.run("DELETE FROM web_session WHERE account = ?", account)


def remove_all(directory: Directory, account: Account) -> int:
    with directory.changing():
        rows = directory.run("DELETE FROM passkey WHERE account = ? RETURNING 1", account.prefix)
        directory.run("DELETE FROM web_session WHERE account = ?", account.prefix)
    return len(rows)


_ALL = "id, account, name, public_key, sign_count, created_at, used_at"
