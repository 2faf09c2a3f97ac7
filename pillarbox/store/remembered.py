"""Things an account has done and must not do again: rows of `remembered` that live until a given time."""

from enum import IntEnum

from pillarbox.store.tx import Tx


class Kind(IntEnum):
    """`remembered.kind` in the schema."""

    VACATION = 1
    DUPLICATE = 2
    DELIVERY = 3
    MOVE = 4
    UNDO = 5
    DERIVED = 6  # how often old mail has got what newer code makes of it


def find(tx: Tx, kind: Kind, key: bytes) -> tuple[bytes | None] | None:
    """The value remembered under `key` in a tuple, or None when nothing is."""
    row = tx.row(
        "SELECT value FROM remembered WHERE account = ? AND kind = ? AND key = ? AND until > ?",
        tx.account,
        kind,
        key,
        tx.now,
    )
    return None if row is None else (row[0],)


def remember(tx: Tx, kind: Kind, key: bytes, seconds: int, value: bytes | None = None) -> None:
    tx.run(
        "INSERT INTO remembered VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, kind, key)"
        " DO UPDATE SET until = excluded.until, value = excluded.value",
        tx.account,
        kind,
        key,
        tx.now + seconds,
        value,
    )


def forget(tx: Tx, limit: int = 500) -> int:
    """Drop what is no longer of use, at most `limit` rows; how many there were."""
    return tx.run(
        "DELETE FROM remembered WHERE account = ? AND (kind, key) IN"
        " (SELECT kind, key FROM remembered WHERE account = ? AND until <= ? LIMIT ?)",
        tx.account,
        tx.account,
        tx.now,
        limit,
    )
