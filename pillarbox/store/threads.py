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


def assign(tx: Tx, emails: Iterable[tuple[int, Derived]]) -> list[int]:
    """The thread of each new email, in order; later ones may reply to earlier ones of the same call."""
    threads: list[int] = []
    for email, derived in emails:
        subject = hashed(derived.base_subject.encode("utf-8", "surrogatepass"))
        ids = {hashed(message_id) for message_id in (derived.message_id, *derived.references) if message_id}
        known = {
            id_hash: found[0]
            for id_hash in ids
            if (
                found := tx.row(
                    "SELECT thread FROM thread_key WHERE account = ? AND id_hash = ? AND subject_hash = ?",
                    tx.account,
                    id_hash,
                    subject,
                )
            )
        }
        thread = min(known.values(), default=email)
        threads.append(thread)
        new = ids - known.keys()
        if new:
            tx.run_many(
                "INSERT INTO thread_key VALUES (?, ?, ?, ?)",
                [(tx.account, id_hash, subject, thread) for id_hash in sorted(new)],
            )
    return threads


def forget(tx: Tx, thread: int, message_ids: Iterable[bytes]) -> None:
    """The last email of `thread` that had these ids is erased: nothing joins it through them any more."""
    tx.run_many(
        "DELETE FROM thread_key WHERE account = ? AND id_hash = ? AND thread = ?",
        [(tx.account, hashed(message_id), thread) for message_id in message_ids],
    )


def hashed(text: bytes) -> int:
    """64 bits, signed, as both engines store them."""
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)
