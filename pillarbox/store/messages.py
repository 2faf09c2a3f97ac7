"""Messages come into a mailbox and leave it: APPEND, REPLACE, COPY, MOVE, EXPUNGE.

UIDs are given out here and nowhere else (`_take_uids`), under the account's lock, ascending, and never
twice (RFC 9051 2.3.1.1). A message is an entry of a mailbox; what it says is an email, which is immutable
and shared by all copies.

Each verb costs statements per run of UIDs, not per message, and does all of its work or none of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.model import rights
from pillarbox.model.actors import Actor
from pillarbox.model.changes import BurialCause, Columns
from pillarbox.model.errors import Code, Refused
from pillarbox.model.flags import DELETED
from pillarbox.model.numbers import MAX_NUMBER, Runs
from pillarbox.store import access, buried, changes, emails, flags, present, quota, schema
from pillarbox.store.changes import State
from pillarbox.store.staged import Staged
from pillarbox.store.tx import Tx

EVERYTHING: Runs = ((1, MAX_NUMBER),)

# Rows that a message costs, those of indexes included (`Tx.expect`).
APPENDED, COPIED = 12, 2


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of an APPEND. `internal_at` is UTC seconds, None = now; `internal_tz` minutes east."""

    staged: Staged
    flags: tuple[str, ...] = ()
    internal_at: int | None = None
    internal_tz: int = 0


@dataclass(frozen=True, slots=True)
class Appended:
    uid: int
    uidvalidity: int
    modseq: int
    email: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What COPYUID says (RFC 9051 7.1): `source` and `target` name as many UIDs, in the same order.

    `modseq` is 0 when there was nothing to copy.
    """

    uidvalidity: int
    source: Runs
    target: Runs
    modseq: int = 0


Totals = list[tuple[int, int, int]]
"""(flag set, messages, octets) of some messages."""


def append(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    staged: Staged,
    flags: tuple[str, ...] = (),
    internal_at: int | None = None,
    internal_tz: int = 0,
) -> Appended:
    return append_many(tx, actor, mailbox, [Incoming(staged, flags, internal_at, internal_tz)])[0]


def append_many(
    tx: Tx, actor: Actor, mailbox: int, items: Sequence[Incoming], *, leaving: tuple[int, int] = (0, 0)
) -> list[Appended]:
    """All messages or, when one is refused, none (RFC 3502 6.3.11); they share a mod-sequence.

    `leaving`: octets and messages that the same transaction takes away, for the quota."""
    if not items:
        return []
    access.require(tx, actor, mailbox, rights.INSERT)
    tx.expect(APPENDED * len(items))
    held = access.effective(tx, actor, mailbox)
    octets = sum(item.staged.size for item in items)
    quota.require(tx, octets=octets - leaving[0], messages=len(items) - leaving[1])
    modseq, objects = changes.next_for_mail(
        tx,
        *(State.EMAIL, State.THREAD, State.COUNTS, *_delivery(actor)),
        objects=emails.OBJECTS * len(items),
        octets=octets,
        messages=len(items),
    )
    uidvalidity, first_uid = _take_uids(tx, mailbox, len(items), modseq)
    entered = emails.enter(tx, [item.staged for item in items], modseq, objects)
    numbers: dict[tuple[str, ...], int] = {}
    totals: dict[int, tuple[int, int]] = {}
    rows, arrivals = [], []
    for uid, (item, email) in enumerate(zip(items, entered), first_uid):
        number = numbers.get(item.flags)
        if number is None:
            wanted = flags.permitted(flags.spelled(tx, item.flags), held)
            number = numbers[item.flags] = flags.intern(tx, wanted)
        size = item.staged.size
        messages, sum_of_sizes = totals.get(number, (0, 0))
        totals[number] = messages + 1, sum_of_sizes + size
        internal_at = tx.now if item.internal_at is None else item.internal_at
        internal = schema.internal(internal_at, item.internal_tz)
        rows.append((tx.account, mailbox, uid, email, number, modseq, modseq, size, internal))
        arrivals.append((tx.account, email, mailbox, uid, tx.now))
    tx.insert("message", rows)
    tx.insert("arrival (account, email, mailbox, uid, saved_at)", arrivals)
    flags.count(tx, mailbox, [(number, *total) for number, total in totals.items()])
    changes.record_new(tx, modseq, mailbox, first_uid, first_uid + len(items) - 1)
    return [Appended(uid, uidvalidity, modseq, email) for uid, email in enumerate(entered, first_uid)]


def replace(tx: Tx, actor: Actor, source: int, uid: int, target: int, item: Incoming) -> Appended:
    """REPLACE: the new message is in `target` and the old one is not in `source` any more, or neither
    (RFC 8508 3.4)."""
    # RFC 8508 4.1: what STORE \\Deleted, EXPUNGE and APPEND need.
    for right in (rights.DELETE_MESSAGES, rights.EXPUNGE):
        access.require(tx, actor, source, right)
    access.live(tx, source)
    found = tx.row(
        "SELECT flag_set, size FROM message WHERE account = ? AND mailbox = ? AND uid = ?",
        tx.account,
        source,
        uid,
    )
    if not found:
        raise Refused("The message to be replaced is not there", Code.EXPUNGEISSUED)
    flag_set, size = found
    # RFC 8508 3.4: only what it takes more than before counts for the quota.
    appended = append_many(tx, actor, target, [item], leaving=(size, 1))[0]
    totals = [(flag_set, 1, size)]
    buried.bury(tx, actor, source, array("I", [uid]), appended.modseq, BurialCause.EXPUNGE, totals)
    return appended


def _delivery(actor: Actor) -> tuple[State, ...]:
    """RFC 8621 1.5: EmailDelivery changes when mail arrives, not when the user files some."""
    return (State.DELIVERY,) if actor.override else ()


def leap(tx: Tx, modseq: int, uids: int, least: int) -> None:
    """No mailbox gives out any of the next `uids` UIDs, nor one below `least`, where there are so many; and
    every message is as of `modseq`."""
    tx.run(
        "UPDATE mailbox SET uidnext = CASE WHEN uidnext + ? > ? THEN uidnext WHEN uidnext + ? < ? THEN ?"
        " ELSE uidnext + ? END, highest = ?, counts_modseq = ? WHERE account = ?",
        uids,
        MAX_NUMBER,
        uids,
        least,
        min(least, MAX_NUMBER),
        uids,
        modseq,
        modseq,
        tx.account,
    )
    tx.run("UPDATE message SET modseq = ? WHERE account = ?", modseq, tx.account)


def _take_uids(tx: Tx, mailbox: int, count: int, modseq: int) -> tuple[int, int]:
    """UIDVALIDITY, and the first of `count` new UIDs, given to messages under `modseq`."""
    if count:
        found = tx.rows(
            "UPDATE mailbox SET uidnext = uidnext + ?, highest = ?, counts_modseq = ? WHERE account = ?"
            " AND id = ? AND deleted IS NULL AND selectable = 1 RETURNING uidvalidity, uidnext",
            *(count, modseq, modseq, tx.account, mailbox),
        )
    else:
        found = tx.rows(
            "SELECT uidvalidity, uidnext FROM mailbox WHERE account = ? AND id = ? AND deleted IS NULL"
            " AND selectable = 1",
            tx.account,
            mailbox,
        )
    if not found:
        # RFC 9051 6.3.12: the client may create it and try again.
        raise Refused("There is no such mailbox", Code.TRYCREATE)
    uidvalidity, uidnext = found[0]
    if uidnext > MAX_NUMBER:
        raise Refused("This mailbox has given out all its UIDs", Code.LIMIT)
    return uidvalidity, uidnext - count


def copy(tx: Tx, actor: Actor, source: int, runs: Runs, target: int) -> Copied:
    """COPY what exists of `runs`; flags, dates and EMAILIDs stay (RFC 9051 6.4.7, RFC 8474 5.1)."""
    access.require(tx, actor, source, rights.READ)
    access.live(tx, source)
    tx.expect(COPIED * present.at_most(tx, source, runs))
    uids = present.uids(tx, source, runs)
    modseq = 0
    if uids:
        modseq = changes.next_modseq(tx, State.EMAIL, State.COUNTS)
    return _copy(tx, actor, source, uids, target, modseq, charged=True)[0]


def move(tx: Tx, actor: Actor, source: int, runs: Runs, target: int) -> Copied:
    """MOVE: each message is in the target or still in the source, never in both or neither (RFC 6851 3)."""
    # RFC 6851 4: what COPY needs, and what STORE \\Deleted and EXPUNGE need.
    for right in (rights.READ, rights.DELETE_MESSAGES, rights.EXPUNGE):
        access.require(tx, actor, source, right)
    access.live(tx, source)
    tx.expect((COPIED + buried.BURIED) * present.at_most(tx, source, runs))
    uids = present.uids(tx, source, runs)
    modseq = 0
    if uids:
        modseq = changes.next_modseq(tx, State.EMAIL, State.COUNTS)
    # The user has as much afterwards as before, so a full account can still be tidied up.
    copied, totals = _copy(tx, actor, source, uids, target, modseq, charged=False)
    if uids:
        buried.bury(tx, actor, source, uids, modseq, BurialCause.MOVE, totals, moved_to=target)
    return copied


def _copy(
    tx: Tx, actor: Actor, source: int, uids: array[int], target: int, modseq: int, *, charged: bool
) -> tuple[Copied, Totals]:
    """What was copied, and what it was in the source."""
    access.require(tx, actor, target, rights.INSERT)
    uidvalidity, first = _take_uids(tx, target, len(uids), modseq)
    if not uids:
        return Copied(uidvalidity, (), ()), []
    runs = present.runs_of(uids)
    # All of a run is there, so each run moves by a distance of its own.
    copies: list[tuple[int, ...]] = []
    arrivals: list[tuple[int, ...]] = []
    uid = first
    for low, high in runs:
        copies.append((target, uid - low, modseq, modseq, tx.account, source, low, high))
        arrivals.append((target, uid - low, tx.now, tx.account, source, low, high))
        uid += high - low + 1
    last = uid - 1
    tx.run_many(
        "INSERT OR FAIL INTO message SELECT account, ?, uid + ?, email, flag_set, ?, ?, size, internal"
        " FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?",
        copies,
    )
    tx.run_many(
        "INSERT OR FAIL INTO arrival SELECT account, email, ?, uid + ?, ?, NULL"
        " FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?",
        arrivals,
    )
    totals = _totals(tx, target, first, last)
    octets = sum(size for _, _, size in totals)
    if charged:
        quota.require(tx, octets=octets, messages=len(uids))
    if _drop_flags(tx, target, first, last, totals, access.effective(tx, actor, target)):
        flags.count(tx, target, _totals(tx, target, first, last))
    else:
        flags.count(tx, target, totals)
    quota.charge(tx, octets=octets, messages=len(uids))
    changes.record_new(tx, modseq, target, first, last)
    return Copied(uidvalidity, runs, ((first, last),), modseq), totals


def _totals(tx: Tx, mailbox: int, first: int, last: int) -> Totals:
    return [
        (number, messages, octets)
        for number, messages, octets in tx.rows(
            "SELECT flag_set, count(*), sum(size) FROM message WHERE account = ? AND mailbox = ?"
            " AND uid BETWEEN ? AND ? GROUP BY flag_set",
            tx.account,
            mailbox,
            first,
            last,
        )
    ]


def _drop_flags(tx: Tx, mailbox: int, first: int, last: int, totals: Totals, held: str) -> bool:
    """RFC 4314 4: copied messages keep only the flags that `held` would allow to set here. Whether any
    may have lost some."""
    if {rights.SEEN, rights.WRITE, rights.DELETE_MESSAGES} <= set(held):
        return False
    for number, _, _ in totals:
        carried = flags.flag_set(tx, number)
        kept = flags.permitted(carried, held)
        if kept != carried:
            tx.run(
                "UPDATE message SET flag_set = ? WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
                " AND flag_set = ?",
                flags.intern(tx, kept),
                tx.account,
                mailbox,
                first,
                last,
                number,
            )
    return True


def expunge(
    tx: Tx, actor: Actor, mailbox: int, runs: Runs | None = None, known: Columns | None = None
) -> Runs:
    """Bury what has \\Deleted, of `runs` or of the whole mailbox (RFC 9051 6.4.3, 6.4.9); the UIDs gone.
    Where `known` turns out to be the mailbox as it is, the messages are not read again."""
    access.require(tx, actor, mailbox, rights.EXPUNGE)
    access.live(tx, mailbox)
    deleted = {
        number: (n, octets) for number, named, n, octets in flags.counts(tx, mailbox) if DELETED in named
    }
    return _expunge(tx, actor, mailbox, EVERYTHING if runs is None else runs, deleted, known)


def remove(tx: Tx, actor: Actor, mailbox: int, runs: Runs) -> Runs:
    """Bury what exists of `runs`, whatever flags it has; the UIDs gone."""
    for right in (rights.DELETE_MESSAGES, rights.EXPUNGE):  # what STORE \\Deleted and EXPUNGE need
        access.require(tx, actor, mailbox, right)
    access.live(tx, mailbox)
    having = {number: (n, octets) for number, _, n, octets in flags.counts(tx, mailbox)}
    return _expunge(tx, actor, mailbox, runs, having, None)


def _expunge(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    named: Runs,
    having: dict[int, tuple[int, int]],
    known: Columns | None,
) -> Runs:
    """Bury what of `named` has one of the flag sets `having`, of which so many messages are."""
    if not having:
        return ()
    messages = sum(n for n, _ in having.values())
    tx.expect(buried.BURIED * min(messages, present.at_most(tx, mailbox, named)))
    groups = present.those_having(tx, mailbox, named, having, most_modseq=flags.ALWAYS, known=known)
    if not groups:
        return ()
    uids = next(iter(groups.values())).uids
    if len(groups) > 1:
        uids = array("I", sorted(uid for group in groups.values() for uid in group.uids))
    modseq = changes.next_modseq(tx, State.EMAIL, State.THREAD, State.COUNTS)
    totals = [(number, len(group.uids), group.octets) for number, group in groups.items()]
    buried.bury(tx, actor, mailbox, uids, modseq, BurialCause.EXPUNGE, totals, spans=named)
    return present.runs_of(uids)
