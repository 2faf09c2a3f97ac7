"""Mod-sequences are given out here and nowhere else; what changed since one is answered here.

A change row says "under this mod-sequence, something of this kind happened to these UIDs of this
mailbox". It is an index, not a journal: it may name too many UIDs (long sets are coarsened, old rows of
a mailbox are merged), because every reader filters by the mod-sequence that the message itself carries,
or the buried one. That is why STORE on a whole mailbox costs one narrow row here, and why no table has
an index on its mod-sequences.

Rules of the place:
- A verb that changes nothing takes no mod-sequence; one that does takes exactly one.
- The change row is written in the transaction that changes the messages, or not at all.
- At or below `account.floor` change rows are forgotten, and at or below `mailbox.vanished_floor`
  expunged messages are erased: then the answer is an incomplete `Delta`, and the caller loads `Columns`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise

from pillarbox.model import numbers
from pillarbox.model.actors import Actor
from pillarbox.model.changes import ChangeKind, Columns, Delta, Rows
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import Runs
from pillarbox.model.rights import READ
from pillarbox.store import access, allocate
from pillarbox.store.tx import Tx

CLOCK_STEP = 60  # seconds between rows of `clock`: how finely "as of" can be asked
MERGE_EVERY = 1024  # mod-sequences; the latest 1024 to 2047 keep rows of their own
MAX_RUNS = 512  # a change row names at most that many runs: 4 KiB, a page
MERGED_RUNS = MERGE_EVERY  # and a merged one so many: changes of single messages all stay apart
SEEK = 10  # rows that cost as much as asking for a run
LEAP = 2**20  # more mod-sequences than an account gives out in a second
ANY_NUMBER = 2**63 - 1
PAGE = 512  # rows fetched at once; fewer than wake the garbage collector, which would cost half as much again


class State(Enum):
    """What a client may ask the state of as a whole: the `*_state` columns of `account` (RFC 8620 1.6.2)."""

    MAILBOX = "mailbox_state"
    COUNTS = "counts_state"
    EMAIL = "email_state"
    THREAD = "thread_state"
    DELIVERY = "delivery_state"
    USER = "user_state"


def next_modseq(tx: Tx, *states: State) -> int:
    """The account's next mod-sequence; the `states` named are as of it."""
    modseq, told = tx.rows(_take(states), tx.account)[0]
    return _taken(tx, modseq, told)


# Columns of the account's row, a, with which `next_after` knows how far the account has come.
REACHED = "a.modseq, (SELECT at FROM clock c WHERE c.account = a.account ORDER BY c.modseq DESC LIMIT 1)"


def next_after(tx: Tx, modseq: int, told: int | None, *states: State) -> int:
    """`next_modseq` for a verb that has read `REACHED` in this transaction, together with something else."""
    modseq += 1
    tx.run(_taking(states), *(modseq,) * (len(states) + 1), tx.account)
    return _taken(tx, modseq, told)


@lru_cache(maxsize=64)
def _taking(states: tuple[State, ...]) -> str:
    more = "".join(f", {state.value} = ?" for state in states)
    return f"UPDATE account SET modseq = ?{more} WHERE account = ?"


def next_for_mail(tx: Tx, *states: State, objects: int, octets: int, messages: int) -> tuple[int, range]:
    """`next_modseq`, that many new object ids, and the quota charged: one statement, as mail that arrives
    needs all three."""
    modseq, told, after = tx.rows(_take(states, mail=True), objects, octets, messages, tx.account)[0]
    return _taken(tx, modseq, told), allocate.up_to(tx, after, objects)


def _taken(tx: Tx, modseq: int, told: int | None) -> int:
    tx.reached(modseq)
    if told is None or tx.now - told >= CLOCK_STEP:
        tx.run("INSERT INTO clock VALUES (?, ?, ?)", tx.account, modseq, tx.now)
    if modseq % MERGE_EVERY == 0:
        _merge(tx, modseq - 2 * MERGE_EVERY, modseq - MERGE_EVERY)
    return modseq


@lru_cache(maxsize=64)
def _take(states: tuple[State, ...], *, mail: bool = False) -> str:
    more = "".join(f", {state.value} = modseq + 1" for state in states)
    if mail:
        more += ", next_id = next_id + ?, used_bytes = used_bytes + ?, used_messages = used_messages + ?"
    return (
        f"UPDATE account SET modseq = modseq + 1{more} WHERE account = ? RETURNING modseq,"
        " (SELECT at FROM clock c WHERE c.account = account.account ORDER BY c.modseq DESC LIMIT 1)"
        + (", next_id" if mail else "")
    )


def leap(tx: Tx, least: int) -> int:
    """A mod-sequence beyond `least` and all that anybody may have been told, whatever has been lost: it
    follows the clock, so it is also beyond earlier leaps that are not remembered here. No way leads there
    from before, and all that can be asked the state of is as of it."""
    (before,) = tx.rows("SELECT modseq FROM account WHERE account = ?", tx.account)[0]
    modseq = max(int(before) + LEAP, least + LEAP, tx.now * LEAP)
    tx.run(
        "UPDATE account SET modseq = ?, floor = ?"
        + "".join(f", {state.value} = ?" for state in State)
        + " WHERE account = ?",
        *(modseq, modseq, *(modseq for _ in State)),
        tx.account,
    )
    tx.run("DELETE FROM change WHERE account = ?", tx.account)
    tx.reached(modseq)
    return modseq


def quiet(tx: Tx) -> int:
    """Seconds since something was changed, to the minute; as far as is remembered here."""
    found = tx.row("SELECT at FROM clock WHERE account = ? ORDER BY modseq DESC LIMIT 1", tx.account)
    return max(0, tx.now - found[0]) if found else 0


def record(tx: Tx, modseq: int, mailbox: int, kind: ChangeKind, runs: Runs, reader: int = 0) -> None:
    """Say that the messages in `runs` changed under `modseq`; `reader` 0 = everybody sees it."""
    _enter(tx, modseq, mailbox, kind, runs, reader)
    tx.run(
        "UPDATE mailbox SET highest = ?, counts_modseq = ? WHERE account = ? AND id = ?",
        modseq,
        modseq,
        tx.account,
        mailbox,
    )


def record_new(tx: Tx, modseq: int, mailbox: int, first: int, last: int) -> None:
    """Say that these messages have come under `modseq`, which is the mailbox's HIGHESTMODSEQ already."""
    _enter(tx, modseq, mailbox, ChangeKind.NEW, ((first, last),), 0)


def _enter(tx: Tx, modseq: int, mailbox: int, kind: ChangeKind, runs: Runs, reader: int) -> None:
    tx.run(
        "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)",
        tx.account,
        modseq,
        mailbox,
        int(kind),
        reader,
        numbers.pack(coarse(runs)),
    )


def note(tx: Tx, modseq: int, mailbox: int, kind: ChangeKind, reader: int) -> None:
    """Say to `reader` that something of this kind happened under `modseq`, to the mailbox but to no message:
    its HIGHESTMODSEQ stays."""
    tx.run(
        "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)", tx.account, modseq, mailbox, int(kind), reader, b""
    )


def coarse(runs: Runs, limit: int = MAX_RUNS) -> Runs:
    """At most `limit` runs that cover `runs`: the widest gaps stay open."""
    if len(runs) <= limit:
        return runs
    gaps = ((runs[at][0] - runs[at - 1][1], at) for at in range(1, len(runs)))
    starts = [0, *sorted(at for _, at in nlargest(limit - 1, gaps)), len(runs)]
    return tuple((runs[start][0], runs[stop - 1][1]) for start, stop in pairwise(starts))


def united(sets: Iterable[Runs]) -> Runs:
    return numbers.runs(tuple(run for runs in sets for run in runs), numbers.MAX_NUMBER)


def since(tx: Tx, actor: Actor, mailbox: int, modseq: int, *, most: int = ANY_NUMBER) -> Delta:
    """The way of a mailbox from `modseq` to now, exactly; incomplete where it is no longer known, or where
    more than `most` messages might have to be looked at; a run counts as `SEEK` of them."""
    current, floor = _horizon(tx, actor, mailbox)
    new = array("I"), array("H"), array("Q")
    moved = array("I"), array("H"), array("Q")
    if modseq >= current:
        return Delta(current, *new, *moved, gone=())
    if modseq < floor:
        return Delta(current, *new, *moved, gone=(), complete=False)
    living, dead, keyed = _told(tx, actor, mailbox, modseq)
    named = numbers.count(living) + numbers.count(dead)
    if named + SEEK * (len(living) + len(dead)) > most:
        return Delta(current, *new, *moved, gone=(), complete=False, keyed=keyed)
    for low, high in living:
        while True:
            page = tx.rows(
                "SELECT uid, flag_set, modseq, created FROM message WHERE account = ? AND mailbox = ?"
                " AND uid BETWEEN ? AND ? AND modseq > ? ORDER BY uid LIMIT ?",
                tx.account,
                mailbox,
                low,
                high,
                modseq,
                PAGE,
            )
            for uid, flag_set, at, created in page:
                uids, flag_sets, modseqs = new if created > modseq else moved
                uids.append(uid)
                flag_sets.append(flag_set)
                modseqs.append(at)
            if len(page) < PAGE:
                break
            low = page[-1][0] + 1
    gone: list[int] = []
    for low, high in dead:
        # Created after `modseq`: came and went in between, so nobody needs to hear of it.
        gone += (
            uid
            for (uid,) in tx.rows(
                "SELECT uid FROM buried WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?"
                " AND modseq > ? AND created <= ? ORDER BY uid",
                tx.account,
                mailbox,
                low,
                high,
                modseq,
                modseq,
            )
        )
    return Delta(current, *new, *moved, gone=numbers.runs_of(gone), keyed=keyed)


def _told(tx: Tx, actor: Actor, mailbox: int, modseq: int) -> tuple[Runs, Runs, bool]:
    """The UIDs that change rows after `modseq` name: of the living and of the expunged. Whether there is
    another key."""
    living: list[Runs] = []
    dead: list[Runs] = []
    keyed = False
    for kind, uids in tx.rows(
        "SELECT kind, uids FROM change WHERE account = ? AND modseq > ? AND mailbox = ? AND reader IN (0, ?)",
        tx.account,
        modseq,
        mailbox,
        actor.reader,
    ):
        if kind == ChangeKind.KEY:
            keyed = True
        else:
            (dead if kind == ChangeKind.GONE else living).append(numbers.unpack(uids))
    return united(living), united(dead), keyed


def touched(tx: Tx, actor: Actor, mailbox: int, modseq: int) -> tuple[int, Runs | None]:
    """The account's mod-sequence, and UIDs outside which the mailbox is as it was at `modseq`: None where
    that is not known. They may be too many."""
    current, _ = _horizon(tx, actor, mailbox)
    (floor,) = tx.rows("SELECT floor FROM account WHERE account = ?", tx.account)[0]
    if not floor <= modseq <= current:
        return current, None
    return current, united(_told(tx, actor, mailbox, modseq)[:2])


def columns(tx: Tx, actor: Actor, mailbox: int) -> Columns:
    """The mailbox as it is now. Work grows with the mailbox: 0.2 us a message."""
    current, _ = _horizon(tx, actor, mailbox)
    return Columns.joined(mailbox, current, [rows(tx, mailbox, 1, numbers.MAX_NUMBER)])


def rows(
    tx: Tx, mailbox: int, low: int, high: int, *, created: int = ANY_NUMBER, limit: int = ANY_NUMBER
) -> Rows:
    """The first `limit` messages of those from UID `low` to `high` that were there at `created`."""
    uids, flag_sets, modseqs = array("I"), array("H"), array("Q")
    while low <= high and limit:
        size = min(PAGE, limit)
        page = tx.rows(
            "SELECT uid, flag_set, modseq FROM message WHERE account = ? AND mailbox = ?"
            " AND uid BETWEEN ? AND ? AND created <= ? ORDER BY uid LIMIT ?",
            tx.account,
            mailbox,
            low,
            high,
            created,
            size,
        )
        if page:
            some_uids, some_flag_sets, some_modseqs = zip(*page)
            uids.extend(some_uids)
            flag_sets.extend(some_flag_sets)
            modseqs.extend(some_modseqs)
            low = uids[-1] + 1
        if len(page) < size:
            break
        limit -= size
    return Rows(uids, flag_sets, modseqs)


def _horizon(tx: Tx, actor: Actor, mailbox: int) -> tuple[int, int]:
    """The account's mod-sequence, and the one below which this mailbox's past is forgotten."""
    access.require(tx, actor, mailbox, READ)
    found = tx.row(
        "SELECT a.modseq, a.floor, m.vanished_floor FROM mailbox m JOIN account a ON a.account = m.account"
        " WHERE m.account = ? AND m.id = ? AND m.deleted IS NULL",
        tx.account,
        mailbox,
    )
    if found is None:
        raise Refused("There is no such mailbox", Code.NONEXISTENT)
    current, floor, vanished_floor = found
    return current, max(floor, vanished_floor)


def _merge(tx: Tx, low: int, high: int) -> None:
    """Make one row a mailbox, kind and reader of the rows in (low, high]."""
    groups: dict[tuple[int, int, int], tuple[int, list[Runs]]] = {}
    for modseq, mailbox, kind, reader, uids in tx.rows(
        "SELECT modseq, mailbox, kind, reader, uids FROM change WHERE account = ? AND modseq > ?"
        " AND modseq <= ? ORDER BY modseq",
        tx.account,
        low,
        high,
    ):
        _, sets = groups.get((mailbox, kind, reader), (0, []))
        sets.append(numbers.unpack(uids))
        groups[mailbox, kind, reader] = modseq, sets
    tx.run("DELETE FROM change WHERE account = ? AND modseq > ? AND modseq <= ?", tx.account, low, high)
    tx.run_many(
        "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)",
        [
            (tx.account, modseq, mailbox, kind, reader, numbers.pack(coarse(united(sets), MERGED_RUNS)))
            for (mailbox, kind, reader), (modseq, sets) in groups.items()
        ],
    )


def forget(tx: Tx, before: int) -> None:
    """Drop change rows older than the time `before`, and with them the answers to `since` from there."""
    found = tx.row("SELECT max(modseq) FROM clock WHERE account = ? AND at <= ?", tx.account, before)
    if found is None or found[0] is None:
        return
    (floor,) = found
    tx.run("DELETE FROM change WHERE account = ? AND modseq <= ?", tx.account, floor)
    # The clock row of the floor itself stays: it dates what comes next.
    tx.run("DELETE FROM clock WHERE account = ? AND modseq < ?", tx.account, floor)
    tx.run("UPDATE account SET floor = ? WHERE account = ? AND floor < ?", floor, tx.account, floor)
