"""Is an account what it should be? Every invariant of the store, each a small function here.

`check(folder)` reads one snapshot of an account, in use or not, and names what does not hold. With
`repair` it also sets right what can be computed from the rest: the counters. It changes nothing else: a
message is never dropped to make a sum come out.
"""

from __future__ import annotations

import time
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pillarbox.model import flags as model_flags
from pillarbox.model import ids, names, numbers
from pillarbox.model.actors import SERVER
from pillarbox.model.changes import ChangeKind, Columns
from pillarbox.model.errors import Refused
from pillarbox.store import blobs, changes, emails, mailboxes, objects, snapshots
from pillarbox.store.engine import sqlite
from pillarbox.store.index import sound
from pillarbox.store.staged import Place
from pillarbox.store.tx import Tx

PIECE = 1 << 20
ABANDONED = 86_400  # seconds after which a file without a row is nobody's any more

Found = Iterator[str]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """`invariant` names the function of this file that found it; `text` says where and what."""

    invariant: str
    text: str
    repaired: bool = False


def check(folder: Path, *, repair: bool = False, clock: Callable[[], float] = time.time) -> list[Problem]:
    """What is wrong with the account in `folder`; nothing, if all is well."""
    try:
        database = sqlite.open_account(folder, clock=clock)
    except Refused as refused:
        return [Problem("opens", refused.text)]
    found: list[Problem] = []
    try:
        with database.transaction(write=repair) as tx:
            for problem in _problems(tx, folder):
                found.append(problem)
            counters = [problem for problem in found if problem.invariant in COUNTERS]
            if repair and counters:
                recount(tx)
                found = [
                    replace(problem, repaired=True) if problem in counters else problem for problem in found
                ]
    except Refused as refused:
        # A damaged page: what was found before it still counts.
        found.append(Problem("reads", refused.text))
    finally:
        database.close()
    return found


def _problems(tx: Tx, folder: Path) -> Iterator[Problem]:
    for invariant in INVARIANTS:
        sound = True
        for text in invariant(tx):
            sound = False
            yield Problem(invariant.__name__, text)
        if not sound and invariant in FOUNDATIONS:
            return
    for of_files in (files_have_blobs, snapshots_tell_the_truth, search_index_is_sound):
        for text in of_files(tx, folder):
            yield Problem(of_files.__name__, text)


# The database itself


def database_is_sound(tx: Tx) -> Found:
    """Pages, indexes and NOT NULL, as the engine sees them."""
    for (text,) in tx.rows("PRAGMA integrity_check"):
        if text != "ok":
            yield text


def account_has_its_row(tx: Tx) -> Found:
    rows = tx.rows("SELECT account, prefix FROM account")
    if rows != [(tx.account, tx.prefix)]:
        yield f"the account table holds {rows!r}"


# Counters


_LIVE = (
    "FROM message m JOIN mailbox b ON b.account = m.account AND b.id = m.mailbox"
    " WHERE m.account = ? AND b.deleted IS NULL"
)


def counters_of_mailboxes(tx: Tx) -> Found:
    """`mailbox_flags` says how many messages of each flag set a mailbox has, and how many octets."""
    real = _counted(tx, f"SELECT m.mailbox, m.flag_set, count(*), sum(m.size) {_LIVE} GROUP BY 1, 2")
    kept = _counted(tx, "SELECT mailbox, flag_set, n, bytes FROM mailbox_flags WHERE account = ?")
    for key in sorted(real.keys() | kept.keys()):
        if real.get(key) != kept.get(key):
            yield (
                f"mailbox {key[0]}, flag set {key[1]}: (messages, octets) are {real.get(key, (0, 0))}"
                f" and counted as {kept.get(key, (0, 0))}"
            )


def _counted(tx: Tx, sql: str) -> dict[tuple[int, int], tuple[int, int]]:
    return {(mailbox, number): (n, octets) for mailbox, number, n, octets in tx.rows(sql, tx.account)}


_USED = ("used_bytes", "used_messages", "used_mailboxes", "used_annotations", "kept_bytes")


def counters_of_account(tx: Tx) -> Found:
    """Quota counters are sums over what lives; `kept_bytes` over what is retained."""
    kept = tx.row(f"SELECT {', '.join(_USED)} FROM account WHERE account = ?", tx.account) or ()
    for name, real, counted in zip(_USED, _used(tx), kept):
        if real != counted:
            yield f"{name} is {counted}, and should be {real}"


def _used(tx: Tx) -> tuple[int, ...]:
    octets, messages = tx.rows(f"SELECT coalesce(sum(m.size), 0), count(*) {_LIVE}", tx.account)[0]
    sums = (
        "SELECT count(*) FROM mailbox WHERE account = ? AND deleted IS NULL",
        "SELECT coalesce(sum(length(value)), 0) FROM annotation WHERE account = ?",
        "SELECT coalesce(sum(size), 0) FROM buried WHERE account = ?",
        "SELECT coalesce(sum(m.size), 0) FROM message m JOIN mailbox b ON b.account = m.account"
        " AND b.id = m.mailbox WHERE m.account = ? AND b.deleted IS NOT NULL",
    )
    mailboxes, annotations, buried, unswept = (tx.rows(sql, tx.account)[0][0] for sql in sums)
    return octets, messages, mailboxes, annotations, buried + unswept


_SEEN = (
    "SELECT s.mailbox, s.reader, count(*) FROM seen s JOIN message m ON m.account = s.account"
    " AND m.mailbox = s.mailbox AND m.uid = s.uid WHERE s.account = ? AND s.seen = 1 GROUP BY 1, 2"
)


def counters_of_readers(tx: Tx) -> Found:
    """`seen_count` says how many messages of a mailbox a reader has seen."""
    real = {(mailbox, reader): n for mailbox, reader, n in tx.rows(_SEEN, tx.account)}
    kept = {
        (mailbox, reader): n
        for mailbox, reader, n in tx.rows(
            "SELECT mailbox, reader, seen_count FROM reader_mailbox WHERE account = ?", tx.account
        )
    }
    for key in sorted(real.keys() | kept.keys()):
        if real.get(key, 0) != kept.get(key, 0):
            yield f"mailbox {key[0]}: reader {key[1]} has seen {real.get(key, 0)}, counted {kept.get(key, 0)}"


def recount(tx: Tx) -> None:
    """Set every counter to what it counts."""
    tx.run("DELETE FROM mailbox_flags WHERE account = ?", tx.account)
    tx.run(
        "INSERT INTO mailbox_flags SELECT m.account, m.mailbox, m.flag_set, count(*), sum(m.size)"
        f" {_LIVE} GROUP BY 1, 2, 3",
        tx.account,
    )
    assignments = ", ".join(f"{name} = ?" for name in _USED)
    tx.run(f"UPDATE account SET {assignments} WHERE account = ?", *_used(tx), tx.account)
    tx.run("UPDATE reader_mailbox SET seen_count = 0 WHERE account = ?", tx.account)
    tx.run_many(
        "INSERT INTO reader_mailbox VALUES (?, ?, ?, ?, 0) ON CONFLICT (account, mailbox, reader)"
        " DO UPDATE SET seen_count = excluded.seen_count",
        [(tx.account, *row) for row in tx.rows(_SEEN, tx.account)],
    )


# Numbers that only grow


def uids_are_below_uidnext(tx: Tx) -> Found:
    """And no UID is both live and buried: it would mean two messages."""
    for table in ("message", "buried"):
        for mailbox, uid, uidnext in tx.rows(
            f"SELECT b.id, max(m.uid), b.uidnext FROM {table} m JOIN mailbox b ON b.account = m.account"
            " AND b.id = m.mailbox WHERE m.account = ? GROUP BY b.id HAVING max(m.uid) >= b.uidnext",
            tx.account,
        ):
            yield f"mailbox {mailbox} has UID {uid} in {table}, and UIDNEXT {uidnext}"
    for mailbox, uid in tx.rows(
        "SELECT m.mailbox, m.uid FROM message m JOIN buried d ON d.account = m.account"
        " AND d.mailbox = m.mailbox AND d.uid = m.uid WHERE m.account = ?",
        tx.account,
    ):
        yield f"mailbox {mailbox}: UID {uid} is live and buried"
    for mailbox, recent, uidnext in tx.rows(
        "SELECT id, recent_uid, uidnext FROM mailbox WHERE account = ? AND recent_uid >= uidnext", tx.account
    ):
        yield f"mailbox {mailbox} has shown UIDs up to {recent}, and UIDNEXT {uidnext}"


_MODSEQS = {
    "message": ("modseq", "created"),
    "buried": ("modseq", "created"),
    "mailbox": ("modseq", "created", "highest", "counts_modseq", "vanished_floor", "deleted"),
    "email": ("created",),
    **dict.fromkeys(
        ("change", "burial", "clock", "seen", "acl", "metadata", "annotation", "subscription"), ("modseq",)
    ),
    "sieve_script": ("modseq",),
    "account": (
        *("floor", "mailbox_state", "counts_state", "email_state"),
        *("thread_state", "delivery_state", "user_state"),
    ),
}


def modseqs_have_been_given(tx: Tx) -> Found:
    """No mod-sequence is above the account's, none of a message above its mailbox's HIGHESTMODSEQ."""
    (most,) = tx.rows("SELECT modseq FROM account WHERE account = ?", tx.account)[0]
    for table, columns in _MODSEQS.items():
        for column in columns:
            (greatest,) = tx.rows(f"SELECT max({column}) FROM {table} WHERE account = ?", tx.account)[0]
            if greatest is not None and greatest > most:
                yield f"{table}.{column} reaches {greatest}, the account's mod-sequence only {most}"
    for table in ("message", "buried"):
        for mailbox, modseq, highest in tx.rows(
            f"SELECT b.id, max(m.modseq), b.highest FROM {table} m JOIN mailbox b ON b.account = m.account"
            " AND b.id = m.mailbox WHERE m.account = ? AND b.deleted IS NULL"
            " GROUP BY b.id HAVING max(m.modseq) > b.highest",
            tx.account,
        ):
            yield f"mailbox {mailbox} has mod-sequence {modseq} in {table}, and HIGHESTMODSEQ {highest}"
        for mailbox, uid in tx.rows(
            f"SELECT mailbox, uid FROM {table} WHERE account = ? AND created > modseq", tx.account
        ):
            yield f"mailbox {mailbox}, UID {uid} in {table} was changed before it was created"


def ids_have_been_given(tx: Tx) -> Found:
    """Object ids are the account's, and below its counter, which will not give them out again."""
    prefix, next_id = tx.rows("SELECT prefix, next_id FROM account WHERE account = ?", tx.account)[0]
    low, high = ids.make(prefix, 1), ids.make(prefix, 0) + next_id
    for table, column in (("mailbox", "id"), ("email", "id"), ("blob", "id"), ("sieve_script", "id")):
        for (number,) in tx.rows(
            f"SELECT {column} FROM {table} WHERE account = ? AND ({column} < ? OR {column} >= ?)",
            tx.account,
            low,
            high,
        ):
            yield f"{table} has the id {number}, which this account has not given out"
    (last,) = tx.rows("SELECT uidvalidity FROM account WHERE account = ?", tx.account)[0]
    for mailbox, uidvalidity in tx.rows(
        "SELECT id, uidvalidity FROM mailbox WHERE account = ? AND uidvalidity > ?", tx.account, last
    ):
        yield f"mailbox {mailbox} has UIDVALIDITY {uidvalidity}, given out have been those up to {last}"
    for uidvalidity, count in tx.rows(
        "SELECT uidvalidity, count(*) FROM mailbox WHERE account = ?"
        " GROUP BY uidvalidity HAVING count(*) > 1",
        tx.account,
    ):
        yield f"{count} mailboxes have the UIDVALIDITY {uidvalidity}"


# References


_REFERENCES = (
    ("message", "mailbox", "mailbox", "id"),
    ("buried", "mailbox", "mailbox", "id"),
    ("change", "mailbox", "mailbox", "id"),
    ("burial", "mailbox", "mailbox", "id"),
    ("message", "email", "email", "id"),
    ("buried", "email", "email", "id"),
    ("email", "blob", "blob", "id"),
    ("email", "id", "email_key", "email"),
    ("message", "flag_set", "flag_set", "id"),
    ("buried", "flag_set", "flag_set", "id"),
    ("mailbox_flags", "flag_set", "flag_set", "id"),
    # And back: nothing is left over.
    ("blob", "id", "email", "blob"),
    ("email_key", "email", "email", "id"),
)


def references_lead_somewhere(tx: Tx) -> Found:
    for table, column, other, key in _REFERENCES:
        for number, count in tx.rows(
            f"SELECT t.{column}, count(*) FROM {table} t WHERE t.account = ? AND t.{column} NOT IN"
            f" (SELECT o.{key} FROM {other} o WHERE o.account = ?) GROUP BY 1",
            tx.account,
            tx.account,
        ):
            yield f"{count} row(s) of {table} have {column} {number}, which is not in {other}"


def emails_belong_to_messages(tx: Tx) -> Found:
    """An email that no message is left of, live or buried, would never be erased."""
    for (email,) in tx.rows(
        "SELECT id FROM email e WHERE account = ?"
        " AND NOT EXISTS (SELECT 1 FROM arrival a WHERE a.account = e.account AND a.email = e.id)",
        tx.account,
    ):
        yield f"email {email} has no message"
    for table in ("message", "buried"):
        for mailbox, uid, size, real in tx.rows(
            f"SELECT m.mailbox, m.uid, m.size, e.size FROM {table} m JOIN email e ON e.account = m.account"
            " AND e.id = m.email WHERE m.account = ? AND m.size <> e.size",
            tx.account,
        ):
            yield f"mailbox {mailbox}, UID {uid} in {table} has size {size}, its email {real}"


def arrivals_belong_to_messages(tx: Tx) -> Found:
    """Each message, live or buried, has one arrival, and nothing else has any."""
    for table in ("message", "buried"):
        for mailbox, uid in tx.rows(
            f"SELECT m.mailbox, m.uid FROM {table} m WHERE m.account = ?"
            f" AND NOT EXISTS (SELECT 1 FROM arrival a WHERE {emails.ARRIVAL})",
            tx.account,
        ):
            yield f"mailbox {mailbox}, UID {uid} in {table} has no arrival"
    for email, mailbox, uid in tx.rows(
        "SELECT a.email, a.mailbox, a.uid FROM arrival a WHERE a.account = ?"
        + "".join(
            f" AND NOT EXISTS (SELECT 1 FROM {table} m WHERE m.account = a.account AND m.mailbox = a.mailbox"
            " AND m.uid = a.uid AND m.email = a.email)"
            for table in ("message", "buried")
        ),
        tx.account,
    ):
        yield f"email {email} is said to have come to mailbox {mailbox} as UID {uid}, and has not"


# Names and flags


def mailboxes_form_a_tree(tx: Tx) -> Found:
    """Parents exist, names are as `model.names` wants them, INBOX is there."""
    table = {
        number: (parent, name)
        for number, parent, name in tx.rows(
            "SELECT id, parent, name FROM mailbox WHERE account = ? AND deleted IS NULL", tx.account
        )
    }
    if (0, names.INBOX) not in table.values():
        yield "there is no INBOX"
    for number in table:
        levels: list[str] = []
        at = number
        while at in table and len(levels) <= names.MAX_DEPTH:
            at, name = table[at]
            levels.append(name)
        path = names.SEPARATOR.join(reversed(levels))
        if len(levels) > names.MAX_DEPTH:
            yield f"mailbox {number} is too deep, or below itself"
        elif at != 0:
            yield f"mailbox {number} ({path}) is below {at}, which does not exist"
        elif any(not level or names.SEPARATOR in level for level in levels):
            yield f"mailbox {number} has the name {path!r}"
        elif unicodedata.normalize("NFC", path) != path:
            yield f"the name of mailbox {number} ({path}) is not normalised"
    roles = {role.value for role in names.Role}
    for number, role in tx.rows(
        "SELECT id, role FROM mailbox WHERE account = ? AND role IS NOT NULL", tx.account
    ):
        if role not in roles:
            yield f"mailbox {number} has the special use {role!r}"


def names_outgrow_their_past(tx: Tx) -> Found:
    """A mailbox has no smaller UIDVALIDITY than any that had its name (RFC 9051 2.3.1.1)."""
    if any(True for _ in mailboxes_form_a_tree(tx)):
        return  # said already, and there are no paths to walk
    used = dict(tx.rows("SELECT path, uidvalidity FROM name_used WHERE account = ?", tx.account))
    for row in mailboxes.list_all(tx, SERVER):
        if row.uidvalidity < used.get(row.path, 0):
            yield f"{row.path} has UIDVALIDITY {row.uidvalidity}, and has had {used[row.path]}"


def flag_sets_are_canonical(tx: Tx) -> Found:
    """Else equal sets would have two numbers, and counters would miss some."""
    spelling = dict(tx.rows("SELECT folded, spelling FROM keyword WHERE account = ?", tx.account))
    for number, stored in tx.rows("SELECT id, flags FROM flag_set WHERE account = ?", tx.account):
        named = model_flags.decode(stored)
        wanted = model_flags.canonical(
            flag if model_flags.is_system(flag) else spelling.get(flag.lower(), f"?{flag}") for flag in named
        )
        if model_flags.encode(wanted) != stored:
            yield f"flag set {number} is {stored!r}, and should be {model_flags.encode(wanted)!r}"


# Changes


def changes_cover_messages(tx: Tx) -> Found:
    """Whoever asks what changed must hear of every message that did."""
    (floor,) = tx.rows("SELECT floor FROM account WHERE account = ?", tx.account)[0]
    for mailbox, vanished_floor in tx.rows(
        "SELECT id, vanished_floor FROM mailbox WHERE account = ? AND deleted IS NULL", tx.account
    ):
        rows = tx.rows(
            "SELECT kind, modseq, uids FROM change WHERE account = ? AND mailbox = ? AND reader = 0"
            " ORDER BY modseq DESC",
            tx.account,
            mailbox,
        )
        gone = [row for row in rows if row[0] == ChangeKind.GONE]
        alive = [row for row in rows if row[0] != ChangeKind.GONE]
        for table, told, since in (("message", alive, floor), ("buried", gone, max(floor, vanished_floor))):
            changed = tx.rows(
                f"SELECT uid, modseq FROM {table} WHERE account = ? AND mailbox = ? AND modseq > ?"
                " ORDER BY uid",
                tx.account,
                mailbox,
                since,
            )
            latest = _latest_change(array("I", [uid for uid, _ in changed]), told)
            for (uid, modseq), known in zip(changed, latest):
                if known < modseq:
                    yield f"mailbox {mailbox}, UID {uid} in {table}: no change row tells of {modseq}"


def burials_lead_to_the_buried(tx: Tx) -> Found:
    """What no burial leads to would never be erased."""
    for mailbox, uid in tx.rows(
        "SELECT d.mailbox, d.uid FROM buried d WHERE d.account = ? AND NOT EXISTS (SELECT 1 FROM burial b"
        " WHERE b.account = d.account AND b.modseq = d.modseq AND b.mailbox = d.mailbox"
        " AND b.at = d.buried_at AND d.uid BETWEEN b.low AND b.high)",
        tx.account,
    ):
        yield f"mailbox {mailbox}, UID {uid} in buried: no burial leads to it"


def _latest_change(uids: array[int], told: list[Row]) -> list[int]:
    """For each UID, the mod-sequence of the first of `told` that names it; 0 = none does."""
    latest = [0] * len(uids)
    after = list(range(len(uids) + 1))  # where the next UID not yet found stands, at or after this one

    def next_open(at: int) -> int:
        while after[at] != at:
            after[at] = after[after[at]]
            at = after[at]
        return at

    for _, modseq, packed in told:
        for low, high in numbers.unpack(packed):
            at = next_open(bisect_left(uids, low))
            while at < len(uids) and uids[at] <= high:
                latest[at] = modseq
                after[at] = at + 1
                at = next_open(at)
    return latest


# Bytes


def blobs_are_intact(tx: Tx) -> Found:
    """Every stored message decompresses to the octets that came in."""
    for (number,) in tx.rows("SELECT id FROM blob WHERE account = ? ORDER BY id", tx.account):
        size, wanted = tx.rows(
            "SELECT size, sha256 FROM blob WHERE account = ? AND id = ?", tx.account, number
        )[0]
        try:
            blob = blobs.open_blob(tx, number)
            digest = sha256()
            for start in range(0, size, PIECE):
                digest.update(blob.read(start, start + PIECE))
        except Refused as refused:
            yield f"blob {number}: {refused.text}"
            continue
        if digest.digest() != wanted:
            yield f"blob {number} is not what was stored"


def files_have_blobs(tx: Tx, folder: Path) -> Found:
    """A file without a row is what an abandoned append leaves; after a day it is nobody's."""
    known = {
        objects.path(folder, number)
        for (number,) in tx.rows(
            "SELECT id FROM blob WHERE account = ? AND place = ?", tx.account, int(Place.FILE)
        )
    }
    for path in sorted((folder / "blobs").glob("*/*")):
        if path not in known and path.stat().st_mtime < tx.now - ABANDONED:
            yield f"{path.relative_to(folder)} belongs to no message"


def snapshots_tell_the_truth(tx: Tx, folder: Path) -> Found:
    """A message that has not changed since a snapshot was taken is in it as it is now."""
    (lineage,) = tx.rows("SELECT lineage FROM account WHERE account = ?", tx.account)[0]
    for (mailbox,) in tx.rows("SELECT id FROM mailbox WHERE account = ? AND deleted IS NULL", tx.account):
        kept = snapshots.load(snapshots.path_of(folder, mailbox), mailbox, lineage)
        if kept is None:
            continue
        _, touched = changes.touched(tx, SERVER, mailbox, kept.modseq)
        if touched is not None and _untouched(kept, touched) != _untouched(
            changes.columns(tx, SERVER, mailbox), touched
        ):
            yield f"mailbox {mailbox}: its snapshot is wrong; {snapshots.FOLDER} can be deleted"


def search_index_is_sound(tx: Tx, folder: Path) -> Found:
    """It holds all emails up to where it says, and nothing that belongs to nothing. It can always be made
    anew: `pillarbox reindex`."""
    yield from sound.problems(folder)


def _untouched(columns: Columns, touched: numbers.Runs) -> list[Row]:
    rows = zip(columns.uids, columns.flag_sets, columns.modseqs)
    return [row for row in rows if not numbers.contains(touched, row[0])]


FOUNDATIONS: tuple[Callable[[Tx], Found], ...] = (database_is_sound, account_has_its_row)
"""Where one of these fails, the others would only tell the same in more words."""

COUNTERS = frozenset({"counters_of_mailboxes", "counters_of_account", "counters_of_readers"})

INVARIANTS: tuple[Callable[[Tx], Found], ...] = (
    *FOUNDATIONS,
    counters_of_mailboxes,
    counters_of_account,
    counters_of_readers,
    uids_are_below_uidnext,
    modseqs_have_been_given,
    ids_have_been_given,
    references_lead_somewhere,
    emails_belong_to_messages,
    arrivals_belong_to_messages,
    mailboxes_form_a_tree,
    names_outgrow_their_past,
    flag_sets_are_canonical,
    changes_cover_messages,
    burials_lead_to_the_buried,
    blobs_are_intact,
)
