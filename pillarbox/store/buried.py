"""Expunge is not erase: what happens to messages between the two.

An expunged message leaves `message` (which stays dense) for `buried`, where it keeps its UID. There it is
served to sessions that have not heard of the expunge yet (`emails`), tells others which UIDs vanished
(`changes`), and can be brought back. `erase` takes it away for good after the retention time, and with
its last entry the email and its bytes.

A deleted mailbox's messages count as buried at once, but their rows follow in slices (`sweep`), so that
DELETE of a large mailbox holds nobody up.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.model.actors import Actor
from pillarbox.model.changes import BurialCause, ChangeKind
from pillarbox.model.numbers import Runs
from pillarbox.store import changes, flags, present, quota
from pillarbox.store.staged import Place
from pillarbox.store.tx import Tx

RETENTION = 30 * 86_400  # seconds; changes are remembered as long
BURIED = 4  # rows that burying a message costs, those of indexes included (`Tx.expect`)
LEAST_RETENTION = 3_600  # below it, sessions would lose messages that they still show

_BURY = (
    "INSERT OR FAIL INTO buried SELECT account, mailbox, uid, email, flag_set, ?, created, size, internal,"
    " ?, ?, ?, ? FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
)
_REMOVE = "DELETE FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"


def bury(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    uids: array[int],
    modseq: int,
    cause: BurialCause,
    totals: Sequence[tuple[int, int, int]],
    *,
    moved_to: int | None = None,
    spans: Runs = (),
) -> None:
    """Bury `uids`, all of which exist; `totals` are (flag set, messages, octets) of them. They may be named
    shorter: as all in `spans` that have one of those flag sets."""
    runs = present.runs_of(uids)
    flag_sets = [flag_set for flag_set, _, _ in totals]
    how = (modseq, tx.now, int(cause), actor.reader, moved_to)
    if spans and len(spans) * len(flag_sets) < len(runs):
        named = [(tx.account, mailbox, low, high, flag_set) for low, high in spans for flag_set in flag_sets]
        tx.run_many(f"{_BURY} AND flag_set = ?", [how + name for name in named])
        tx.run_many(f"{_REMOVE} AND flag_set = ?", named)
    else:
        plain = [(tx.account, mailbox, low, high) for low, high in runs]
        tx.run_many(_BURY, [how + name for name in plain])
        tx.run_many(_REMOVE, plain)
    _note(tx, modseq, mailbox, tx.now, uids[0], uids[-1])
    flags.count(tx, mailbox, [(flag_set, -messages, -octets) for flag_set, messages, octets in totals])
    octets = sum(size for _, _, size in totals)
    quota.charge(tx, octets=-octets, messages=-len(uids), kept=octets)
    changes.record(tx, modseq, mailbox, ChangeKind.GONE, runs)


def _note(tx: Tx, modseq: int, mailbox: int, at: int, low: int, high: int) -> None:
    """Remember that messages between these UIDs were buried then."""
    tx.run(
        "INSERT INTO burial VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, modseq, mailbox) DO UPDATE SET"
        " low = CASE WHEN excluded.low < burial.low THEN excluded.low ELSE burial.low END,"
        " high = CASE WHEN excluded.high > burial.high THEN excluded.high ELSE burial.high END",
        *(tx.account, modseq, mailbox, at, low, high),
    )


def sweep(tx: Tx, limit: int = 500) -> int:
    """Move up to `limit` messages of deleted mailboxes into `buried`; how many. 0 = nothing is left to do."""
    swept = 0
    for mailbox, deleted, deleted_at in tx.rows(
        "SELECT id, deleted, deleted_at FROM mailbox WHERE account = ? AND deleted IS NOT NULL", tx.account
    ):
        uids = [
            uid
            for (uid,) in tx.rows(
                "SELECT uid FROM message WHERE account = ? AND mailbox = ? ORDER BY uid LIMIT ?",
                tx.account,
                mailbox,
                limit - swept,
            )
        ]
        if uids:
            span = (tx.account, mailbox, uids[0], uids[-1])
            tx.run(_BURY, deleted, deleted_at, int(BurialCause.MAILBOX_DELETED), 0, None, *span)
            tx.run(_REMOVE, *span)
            _note(tx, deleted, mailbox, deleted_at, uids[0], uids[-1])
            swept += len(uids)
        if swept >= limit:
            break
    return swept


@dataclass(frozen=True, slots=True)
class Erased:
    """`messages` entries are gone for good; nothing refers to the files of the blobs in `files` any more."""

    messages: int
    files: tuple[int, ...]


def erase(tx: Tx, retention: int = RETENTION, limit: int = 200) -> Erased:
    """Erase up to `limit` of the messages buried longer than `retention` seconds, oldest first."""
    before = tx.now - max(retention, LEAST_RETENTION)
    old = _due(tx, before, limit)
    if not old:
        _forget_mailboxes(tx, before)
        return Erased(0, ())
    keys = [(tx.account, mailbox, uid) for mailbox, uid, *_ in old]
    for table in ("buried", "seen", "annotation"):
        tx.run_many(f"DELETE FROM {table} WHERE account = ? AND mailbox = ? AND uid = ?", keys)
    tx.run_many(
        "DELETE FROM arrival WHERE account = ? AND email = ? AND mailbox = ? AND uid = ?",
        [(tx.account, email, mailbox, uid) for mailbox, uid, email, *_ in old],
    )
    floors: dict[int, int] = {}
    for mailbox, _, _, modseq, _ in old:
        floors[mailbox] = max(modseq, floors.get(mailbox, 0))
    tx.run_many(
        "UPDATE mailbox SET vanished_floor = ? WHERE account = ? AND id = ? AND vanished_floor < ?",
        [(floor, tx.account, mailbox, floor) for mailbox, floor in floors.items()],
    )
    quota.charge(tx, kept=-sum(size for *_, size in old))
    emails = dict.fromkeys(email for _, _, email, _, _ in old)
    files = [blob for email in emails if (blob := _erase_email(tx, email))]
    return Erased(len(old), tuple(files))


def _due(tx: Tx, before: int, limit: int) -> list[tuple[int, int, int, int, int]]:
    """(mailbox, UID, email, mod-sequence, octets) of the next messages that were buried before that time.
    Burials of which nothing is left are forgotten, of others it is noted how far they are done."""
    old: list[tuple[int, int, int, int, int]] = []
    while burials := tx.rows(
        "SELECT modseq, mailbox, low, high FROM burial WHERE account = ? AND at < ? ORDER BY modseq LIMIT ?",
        tx.account,
        before,
        limit,
    ):
        for modseq, mailbox, low, high in burials:
            key = (tx.account, modseq, mailbox)
            old += tx.rows(
                "SELECT mailbox, uid, email, modseq, size FROM buried WHERE account = ? AND mailbox = ?"
                " AND uid BETWEEN ? AND ? AND modseq = ? ORDER BY uid LIMIT ?",
                *(tx.account, mailbox, low, high, modseq, limit - len(old)),
            )
            if len(old) == limit:
                last = old[-1][1]
                tx.run(
                    "UPDATE burial SET low = ? WHERE account = ? AND modseq = ? AND mailbox = ?",
                    last + 1,
                    *key,
                )
                return old
            tx.run("DELETE FROM burial WHERE account = ? AND modseq = ? AND mailbox = ?", *key)
    return old


def _erase_email(tx: Tx, email: int) -> int | None:
    """Erase an email that no message is left of; its blob where that is a file to be unlinked."""
    if tx.row("SELECT 1 FROM arrival WHERE account = ? AND email = ? LIMIT 1", tx.account, email):
        return None
    found = tx.row(
        "SELECT e.blob, b.place FROM email e LEFT JOIN blob b"
        " ON b.account = e.account AND b.id = e.blob WHERE e.account = ? AND e.id = ?",
        tx.account,
        email,
    )
    if found is None:
        return None
    blob, place = found
    tx.run("DELETE FROM email WHERE account = ? AND id = ?", tx.account, email)
    tx.run("DELETE FROM email_key WHERE account = ? AND email = ?", tx.account, email)
    tx.run("DELETE FROM blob WHERE account = ? AND id = ?", tx.account, blob)
    return int(blob) if place == Place.FILE else None


def _forget_mailboxes(tx: Tx, before: int) -> None:
    """Drop the rows of mailboxes deleted before the time `before` that nothing is left of."""
    for (mailbox,) in tx.rows(
        "SELECT id FROM mailbox b WHERE account = ? AND deleted_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.account = b.account AND m.mailbox = b.id)"
        " AND NOT EXISTS (SELECT 1 FROM buried m WHERE m.account = b.account AND m.mailbox = b.id)",
        tx.account,
        before,
    ):
        for table in ("acl", "metadata", "annotation", "seen", "reader_mailbox", "change", "burial"):
            tx.run(f"DELETE FROM {table} WHERE account = ? AND mailbox = ?", tx.account, mailbox)
        tx.run("DELETE FROM mailbox WHERE account = ? AND id = ?", tx.account, mailbox)
