"""Which thread a message belongs to (RFC 8474 5.2, RFC 8621 3).

Two messages are of one thread when they share a message id (their own, or one they refer to) and a base
subject. Threads are never merged, because a THREADID once told must not change: a message that would
join two goes to the older one, and the younger lives on.

`thread_key` knows ids and subjects by hashes. A thread has the number of its first message.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

from pillarbox.store.tx import Tx

if TYPE_CHECKING:
    from pillarbox.message.derive import Derived


AT_ONCE = 64  # ids looked for in one statement


def assign(tx: Tx, emails: Iterable[tuple[int, Derived]]) -> list[int]:
    """The thread of each new email, in order; later ones may reply to earlier ones of the same call."""
    threads: list[int] = []
    keys = [
        (
            email,
            hashed(derived.base_subject.encode("utf-8", "surrogatepass")),
            {hashed(message_id) for message_id in (derived.message_id, *derived.references) if message_id},
        )
        for email, derived in emails
    ]
    alive = _alive(tx, sorted(set().union(*(ids for _, _, ids in keys))))
    new: dict[tuple[int, int], int] = {}
    for email, subject, ids in keys:
        pairs = [(id_hash, subject) for id_hash in ids]
        known = [found for pair in pairs if (found := new.get(pair) or alive.get(pair)) is not None]
        thread = min(known, default=email)
        threads.append(thread)
        if len(known) < len(pairs):
            new |= {pair: thread for pair in pairs if pair not in new and pair not in alive}
    # A key of a thread that is erased may be there still; it leads to another one now.
    tx.run_many(
        "INSERT INTO thread_key VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account, id_hash, subject_hash) DO UPDATE SET thread = excluded.thread",
        [(tx.account, *key, thread) for key, thread in sorted(new.items())],
    )
    return threads


def _alive(tx: Tx, ids: list[int]) -> dict[tuple[int, int], int]:
    """The threads, if they have any mail, that these ids lead to, each with a subject."""
    found: dict[tuple[int, int], int] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        # Some are asked for twice, so that there are few different statements.
        some += some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))
        for id_hash, subject, thread in tx.rows(
            "SELECT k.id_hash, k.subject_hash, k.thread FROM thread_key k WHERE k.account = ?"
            f" AND k.id_hash IN ({', '.join('?' * len(some))}) AND EXISTS"
            " (SELECT 1 FROM email e WHERE e.account = k.account AND e.thread = k.thread)",
            tx.account,
            *some,
        ):
            found[id_hash, subject] = thread
    return found


def _lives(tx: Tx, thread: int) -> bool:
    return bool(tx.row("SELECT 1 FROM email WHERE account = ? AND thread = ? LIMIT 1", tx.account, thread))


Position = tuple[int, int]
START: Position = (-(2**63), -(2**63))


def sweep(tx: Tx, after: Position = START, limit: int = 1000) -> Position | None:
    """Drop the keys of erased threads among the next `limit` keys; where to go on, None = at the end."""
    page = tx.rows(
        "SELECT id_hash, subject_hash, thread FROM thread_key WHERE account = ?"
        " AND (id_hash, subject_hash) > (?, ?) ORDER BY id_hash, subject_hash LIMIT ?",
        tx.account,
        *after,
        limit,
    )
    dead = {thread for thread in {row[2] for row in page} if not _lives(tx, thread)}
    tx.run_many(
        "DELETE FROM thread_key WHERE account = ? AND id_hash = ? AND subject_hash = ?",
        [(tx.account, id_hash, subject_hash) for id_hash, subject_hash, thread in page if thread in dead],
    )
    return (page[-1][0], page[-1][1]) if len(page) == limit else None


def hashed(text: bytes) -> int:
    """64 bits, signed, as both engines store them."""
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)
