"""Emails: what messages say. Entered once, never changed, read in columns.

Everything a client lists is computed at arrival (`message.derive`) and kept beside the bytes, with the
version of the code that computed it. So FETCH of metadata opens no message, and a better parser
reaches old mail by `needs_derive` and `rederive`, at leisure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pillarbox.message.derive import DERIVED_VERSION
from pillarbox.model.actors import Actor
from pillarbox.model.numbers import Runs
from pillarbox.model.rights import READ
from pillarbox.store import access, remembered, schema, threads
from pillarbox.store.remembered import Kind
from pillarbox.store.staged import Staged
from pillarbox.store.tx import Tx

if TYPE_CHECKING:
    from pillarbox.message.derive import Derived

# What `rows` can be asked for, and where it stands: m = the message, a = how it came, e = its email, k = its
# keys, b = its blob.
COLUMNS = {
    **dict.fromkeys(("uid", "email", "flag_set", "modseq", "created", "size"), "m"),
    **dict.fromkeys(("internal_at", "internal_tz"), "m"),
    **dict.fromkeys(("saved_at", "uidl"), "a"),
    **dict.fromkeys(("thread", "blob", "header_size", "sent_at", "sent_day", "message_id", "refs"), "e"),
    **dict.fromkeys(("envelope", "structure", "offsets", "preview"), "e"),
    **dict.fromkeys(("is_reply", "base_subject"), "k"),
    **dict.fromkeys(("from_mailbox", "to_mailbox", "cc_mailbox", "from_display", "to_display"), "k"),
    **dict.fromkeys(("place", "dict", "frames", "data"), "b"),
}
# Two that are one column there.
_WITHIN = {"internal_at": schema.INTERNAL_AT, "internal_tz": schema.INTERNAL_TZ}
# The arrival of the message m.
ARRIVAL = "a.account = m.account AND a.email = m.email AND a.mailbox = m.mailbox AND a.uid = m.uid"
_FOR_EVER = 100 * 365 * 86_400  # seconds
_KEYS = (
    *("is_reply", "base_subject", "from_mailbox", "to_mailbox", "cc_mailbox", "from_display", "to_display"),
    "own_fields",
)


OBJECTS = 2  # ids that an email takes: its own and its blob's


def enter(tx: Tx, staged: Sequence[Staged], modseq: int, objects: Iterable[int]) -> list[int]:
    """New emails with their bytes and keys; their ids, ascending, which are taken from `objects`."""
    ids = iter(objects)
    pairs = [(email, item.blob or blob) for item, email, blob in zip(staged, ids, ids)]
    tx.insert(
        "blob",
        [
            (
                *(tx.account, blob, item.sha256, item.size, int(item.place)),
                *(item.dictionary, item.frames, item.data),
            )
            for item, (_, blob) in zip(staged, pairs)
        ],
    )
    entered = [email for email, _ in pairs]
    found = threads.assign(tx, zip(entered, (item.derived for item in staged)))
    tx.insert(
        "email (account, id, thread, blob, created, size, derived, header_size, sent_at, sent_day,"
        " message_id, refs, envelope, structure, offsets, preview)",
        [
            (tx.account, email, thread, blob, modseq, item.size, *_derived(item.derived))
            for item, thread, (email, blob) in zip(staged, found, pairs)
        ],
    )
    tx.insert(
        f"email_key (account, email, {', '.join(_KEYS)})",
        [(tx.account, email, *_keys(item.derived)) for item, email in zip(staged, entered)],
    )
    return entered


def _derived(derived: Derived) -> tuple[Any, ...]:
    return (
        *(DERIVED_VERSION, derived.header_size, derived.sent_at, derived.sent_day),
        *(derived.message_id, b" ".join(derived.references)),
        *(derived.envelope, derived.structure, derived.offsets, derived.preview),
    )


def _keys(derived: Derived) -> tuple[Any, ...]:
    return int(derived.is_reply), *derived.sort_keys, derived.own_fields


def rows(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    low: int,
    high: int,
    columns: tuple[str, ...],
    *,
    with_buried: bool = False,
) -> list[tuple[Any, ...]]:
    """The `columns` of every message from UID `low` to `high`, ascending, each row in the order asked.

    `with_buried` adds expunged messages that are not erased yet, for a session that still shows them;
    it picks its own by UID. Bounded by the caller: some hundred messages at a time.
    """
    access.require(tx, actor, mailbox, READ)
    span = (tx.account, mailbox, low, high)
    return tx.rows(_statement(columns, with_buried), *span, *(span if with_buried else ()))


def rows_of(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    runs: Runs,
    columns: tuple[str, ...],
    *,
    with_buried: bool = False,
) -> list[tuple[Any, ...]]:
    """`rows` of several runs in one read."""
    return [
        row
        for low, high in runs
        for row in rows(tx, actor, mailbox, low, high, columns, with_buried=with_buried)
    ]


@lru_cache(maxsize=512)
def _statement(columns: tuple[str, ...], with_buried: bool) -> str:
    listed = ", ".join(_WITHIN.get(column) or f"{COLUMNS[column]}.{column}" for column in columns)
    tables = {COLUMNS[column] for column in columns}
    joins = f" JOIN arrival a ON {ARRIVAL}" if "a" in tables else ""
    if tables & {"e", "b"}:
        joins += " JOIN email e ON e.account = m.account AND e.id = m.email"
    if "k" in tables:
        joins += " JOIN email_key k ON k.account = m.account AND k.email = m.email"
    if "b" in tables:
        joins += " LEFT JOIN blob b ON b.account = e.account AND b.id = e.blob"
    where = "WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
    if with_buried:
        narrow = "account, mailbox, uid, email, flag_set, modseq, created, size, internal"
        both = " UNION ALL ".join(f"SELECT {narrow} FROM {table} {where}" for table in ("message", "buried"))
        return f"SELECT {listed} FROM ({both}) AS m{joins} ORDER BY m.uid"
    where = where.replace("account", "m.account").replace("mailbox", "m.mailbox").replace("uid", "m.uid")
    return f"SELECT {listed} FROM message m{joins} {where} ORDER BY m.uid"


def needs_derive(tx: Tx, limit: int, after: int = 0) -> tuple[list[tuple[int, int]], int]:
    """(email, blob) of those among the next `limit` emails after the id `after` whose derived columns
    are of older code, and the id to go on after; 0 = that was the last."""
    page = tx.rows(
        "SELECT id, blob, derived FROM email WHERE +account = ? AND id > ? ORDER BY id LIMIT ?",
        tx.account,
        after,
        limit,
    )
    stale = [(email, blob) for email, blob, version in page if version < DERIVED_VERSION]
    return stale, page[-1][0] if len(page) == limit else 0


def rederive(tx: Tx, email: int, derived: Derived) -> None:
    """Put what the current code makes of an email in the place of what older code made.

    The thread stays: a THREADID once told does not change (RFC 8474 5.2).
    """
    tx.run(
        "UPDATE email SET derived = ?, header_size = ?, sent_at = ?, sent_day = ?, message_id = ?, refs = ?,"
        " envelope = ?, structure = ?, offsets = ?, preview = ? WHERE account = ? AND id = ?",
        *_derived(derived),
        tx.account,
        email,
    )
    tx.run(
        f"UPDATE email_key SET {', '.join(f'{name} = ?' for name in _KEYS)} WHERE account = ? AND email = ?",
        *_keys(derived),
        tx.account,
        email,
    )
    remembered.remember(tx, Kind.DERIVED, b"", _FOR_EVER, b"%d" % (derivations(tx) + 1))


def derivations(tx: Tx) -> int:
    """How often that has been done: what was worked out before of derived columns holds no more."""
    found = remembered.find(tx, Kind.DERIVED, b"")
    return int(found[0] or 0) if found else 0


def living(tx: Tx, emails: Iterable[int]) -> list[tuple[int, int, int]]:
    """(email, mailbox, uid) of every live message of `emails`."""
    return [
        (email, mailbox, uid)
        for email in emails
        for mailbox, uid in tx.rows(
            "SELECT m.mailbox, m.uid FROM arrival a CROSS JOIN message m CROSS JOIN mailbox b"
            " WHERE a.account = ? AND a.email = ? AND m.account = a.account AND m.mailbox = a.mailbox"
            " AND m.uid = a.uid AND b.account = a.account AND b.id = a.mailbox AND b.deleted IS NULL"
            " ORDER BY a.mailbox, a.uid",
            tx.account,
            email,
        )
    ]
