"""Flags: interned sets, their counters, and STORE.

A message holds the number of a flag set; equal sets of one account have one number. So STORE rewrites a
few bytes a message, COPY carries flags by number, and the counters behind STATUS, FLAGS, UNSEEN and
quota are kept per mailbox and set (`mailbox_flags`) without looking at messages.

Keywords compare without regard to case and the account's first spelling wins (RFC 9051 2.3.2).
The number of a set never gets another meaning, so anybody may keep what a number means for ever.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Literal

from pillarbox.model import flags as model
from pillarbox.model import numbers, rights
from pillarbox.model.actors import Actor
from pillarbox.model.changes import ChangeKind, Columns
from pillarbox.model.errors import Code, NoRight, Refused
from pillarbox.model.flags import ANSWERED, DELETED, SEEN, FlagSet
from pillarbox.model.numbers import Runs
from pillarbox.store import access, changes, present
from pillarbox.store.changes import State
from pillarbox.store.present import Group
from pillarbox.store.tx import Tx

MAX_SETS = 32_767  # an account: numbers fit two bytes wherever columns of them are held
MANY_SETS = 8_192  # an account: from here on looking for unused ones is worth a pass over its mail
MAX_NUMBER = 65_535  # of a set, as numbers are not used again
MAX_ACCOUNT_KEYWORDS = 8_192  # an account: every SELECT may have to list them
# SQLite's records give the numbers 0 and 1 no octet, and all others up to 127 one. So no set of an account
# with few has either: a message that leaves or enters such a set gets a row of another length, for which its
# page is put in order again, where otherwise one octet is written over: two fifths of a STORE of 5,000.
FIRST_SET = 2
ATOM = re.compile(r"""[!#$&'+-\[^-z|}~]+""")
REMEMBERED = 256  # numbers of sets, a connection
FEW = 32  # messages that STORE looks at one by one
ALWAYS = 2**63 - 1  # a mod-sequence that no message is above

decode = lru_cache(maxsize=4096)(model.decode)


Mode = Literal["replace", "add", "remove"]  # FLAGS, +FLAGS, -FLAGS (RFC 9051 6.4.6)


@dataclass(frozen=True, slots=True)
class Stored:
    """What STORE did. `uids` and `flag_sets` are aligned and ascending; only messages whose flags moved
    are in them, and `modseq` is theirs (0 when there are none). `failed` passed UNCHANGEDSINCE by."""

    modseq: int = 0
    uids: array[int] = field(default_factory=lambda: array("I"))
    flag_sets: array[int] = field(default_factory=lambda: array("H"))
    failed: Runs = ()


def flag_sets(tx: Tx) -> dict[int, FlagSet]:
    """What every number means."""
    return {
        number: decode(flags)
        for number, flags in tx.rows("SELECT id, flags FROM flag_set WHERE account = ?", tx.account)
    }


def flag_set(tx: Tx, number: int) -> FlagSet:
    """What one number means."""
    found = tx.row("SELECT flags FROM flag_set WHERE account = ? AND id = ?", tx.account, number)
    if found is None:
        raise LookupError(f"no flag set {number}")
    return decode(found[0])


def spelled(tx: Tx, flags: Iterable[str]) -> FlagSet:
    """The flags as one set, keywords as this account spells them."""
    found: list[str] = []
    for flag in model.canonical(flags):
        if not flag.startswith("\\"):
            known = tx.row(
                "SELECT spelling FROM keyword WHERE account = ? AND folded = ?", tx.account, flag.lower()
            )
            flag = known[0] if known else flag
        found.append(flag)
    return tuple(found)


def intern(tx: Tx, flags: FlagSet) -> int:
    """The number of a set given by `spelled`; new sets and keywords are entered."""
    stored = _encoded(flags)
    found = tx.row("SELECT id FROM flag_set WHERE account = ? AND flags = ?", tx.account, stored)
    if found:
        return int(found[0])
    _enter_keywords(tx, [flag for flag in flags if not flag.startswith("\\")])
    count, last = tx.rows("SELECT count(*), max(id) FROM flag_set WHERE account = ?", tx.account)[0]
    number = (last or FIRST_SET - 1) + 1
    if count >= MAX_SETS or number > MAX_NUMBER:
        raise Refused("This account has too many different combinations of flags", Code.LIMIT)
    tx.run("INSERT INTO flag_set VALUES (?, ?, ?)", tx.account, number, stored)
    return int(number)


@lru_cache(maxsize=4096)
def _encoded(flags: FlagSet) -> bytes:
    keywords = [flag for flag in flags if not model.is_system(flag)]
    if len(keywords) > model.MAX_KEYWORDS:
        raise Refused(f"A message has at most {model.MAX_KEYWORDS} keywords", Code.LIMIT)
    for keyword in keywords:
        if len(keyword) > model.MAX_KEYWORD_LENGTH:
            raise Refused(f"A keyword has at most {model.MAX_KEYWORD_LENGTH} characters", Code.LIMIT)
        # RFC 9051 9: a keyword is an atom; `\\X` is for future standards, and \\Recent nobody's to set.
        if not ATOM.fullmatch(keyword):
            raise Refused(f"{keyword!a} cannot be stored as a flag", Code.CANNOT)
    return model.encode(flags)


def _enter_keywords(tx: Tx, keywords: list[str]) -> None:
    if not keywords:
        return
    (count,) = tx.rows("SELECT count(*) FROM keyword WHERE account = ?", tx.account)[0]
    for keyword in keywords:
        count += tx.run(
            "INSERT INTO keyword VALUES (?, ?, ?) ON CONFLICT (account, folded) DO NOTHING",
            tx.account,
            keyword.lower(),
            keyword,
        )
    if count > MAX_ACCOUNT_KEYWORDS:
        raise Refused(f"An account has at most {MAX_ACCOUNT_KEYWORDS} keywords", Code.LIMIT)


def _move(tx: Tx, mailbox: int, old: int, new: int, size: int, before: int) -> None:
    """Count one message under another set than before, which had `before` messages: mostly both are in use,
    before and after."""
    counted = tx.run(
        "UPDATE OR FAIL mailbox_flags SET n = n + CASE flag_set WHEN ? THEN 1 ELSE -1 END,"
        " bytes = bytes + CASE flag_set WHEN ? THEN ? ELSE ? END"
        " WHERE account = ? AND mailbox = ? AND flag_set IN (?, ?)",
        *(new, new, size, -size, tx.account, mailbox, old, new),
    )
    if before == 1:
        _drop(tx, mailbox, old)
    if counted == 1:
        count(tx, mailbox, ((new, 1, size),))


def _drop(tx: Tx, mailbox: int, number: int) -> None:
    tx.run(
        "DELETE FROM mailbox_flags WHERE account = ? AND mailbox = ? AND flag_set = ?",
        *(tx.account, mailbox, number),
    )


def count(tx: Tx, mailbox: int, moved: Iterable[tuple[int, int, int]]) -> None:
    """Change a mailbox's counters by (flag set, messages, octets) each."""
    for number, messages, octets in moved:
        key = (tx.account, mailbox, number)
        if messages > 0:
            tx.run(
                "INSERT INTO mailbox_flags VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, mailbox, flag_set)"
                " DO UPDATE SET n = mailbox_flags.n + excluded.n,"
                " bytes = mailbox_flags.bytes + excluded.bytes",
                *(*key, messages, octets),
            )
            continue
        left = tx.row(
            "UPDATE mailbox_flags SET n = n + ?, bytes = bytes + ?"
            " WHERE account = ? AND mailbox = ? AND flag_set = ? RETURNING n",
            *(messages, octets, *key),
        )
        if left == (0,):
            _drop(tx, mailbox, number)


def counts(tx: Tx, mailbox: int) -> list[tuple[int, FlagSet, int, int]]:
    """(flag set, flags, messages, octets) of each set in use in a mailbox."""
    return [
        (number, decode(flags), messages, octets)
        for number, flags, messages, octets in tx.rows(
            "SELECT c.flag_set, f.flags, c.n, c.bytes FROM mailbox_flags c JOIN flag_set f"
            " ON f.account = c.account AND f.id = c.flag_set WHERE c.account = ? AND c.mailbox = ?",
            tx.account,
            mailbox,
        )
    ]


def having(tx: Tx, mailbox: int, flag: str) -> frozenset[int]:
    """The sets in use in a mailbox that have this system flag."""
    return frozenset(number for number, named, _, _ in counts(tx, mailbox) if flag in named)


def permitted(flags: Iterable[str], held: str) -> FlagSet:
    """Those of `flags` that an actor with the rights `held` may set or clear (RFC 4314 4)."""
    if held == rights.ALL:
        return tuple(flags)
    return tuple(flag for flag in flags if _right(flag) in held)


def _right(flag: str) -> str:
    if flag == SEEN:
        return rights.SEEN
    return rights.DELETE_MESSAGES if flag == DELETED else rights.WRITE


def store_flags(
    tx: Tx,
    actor: Actor,
    mailbox: int,
    uids: Runs,
    mode: Mode,
    flags: Iterable[str],
    unchanged_since: int | None = None,
    known: Columns | None = None,
) -> Stored:
    """STORE: messages whose flags it does not move keep their mod-sequence. Where `known` turns out to be the
    mailbox as it is, many messages are not read again."""
    access.live(tx, mailbox)
    access.require(tx, actor, mailbox, rights.READ)
    held = access.effective(tx, actor, mailbox)
    given = spelled(tx, flags)
    _encoded(given)
    # RFC 4314 4: refuse only who may change none of the flags, else do what is allowed.
    if not permitted(given or (SEEN, DELETED, ANSWERED), held):
        raise NoRight("You do not have the right to change these flags", Code.NOPERM)
    failed: Runs = ()
    most = ALWAYS
    if unchanged_since is not None:
        # RFC 7162 3.1.3: also a message that has the flags already fails when it changed meanwhile.
        most = unchanged_since
        failed = present.runs_of(present.uids(tx, mailbox, uids, changed_since=most))
    targets: dict[int, FlagSet] = {}
    if numbers.count(uids) <= FEW:
        groups = {}
        for number, old, group in _few(tx, mailbox, uids, most):
            new = _after(old, mode, given, held)
            if new != old:
                targets[number], groups[number] = new, group
    else:
        counted: dict[int, tuple[int, int]] = {}
        for number, old, n, octets in counts(tx, mailbox):
            new = _after(old, mode, given, held)
            if new != old:
                targets[number] = new
                counted[number] = n, octets
        tx.expect(min(sum(n for n, _ in counted.values()), present.at_most(tx, mailbox, uids)))
        groups = present.those_having(tx, mailbox, uids, counted, most_modseq=most, known=known)
    if not groups:
        return Stored(failed=failed)
    modseq = changes.next_modseq(tx, State.EMAIL, State.COUNTS)
    moved: list[tuple[int, int, int]] = []
    placed: list[tuple[array[int], int]] = []
    for old_number, group in groups.items():
        new_number = intern(tx, targets[old_number])
        spans = present.runs_of(group.uids)
        # Whichever names the group in fewer statements. No set is both left and entered in one STORE,
        # so what an earlier group became is never met again.
        if len(uids) < len(spans):
            spans = uids
        moving = (new_number, modseq, tx.account, mailbox)
        tx.run_many(
            "UPDATE OR FAIL message SET flag_set = ?, modseq = ? WHERE account = ? AND mailbox = ?"
            " AND uid BETWEEN ? AND ? AND flag_set = ?" + ("" if most == ALWAYS else " AND modseq <= ?"),
            [(*moving, *span, old_number, *(() if most == ALWAYS else (most,))) for span in spans],
        )
        moved.append((old_number, -len(group.uids), -group.octets))
        moved.append((new_number, len(group.uids), group.octets))
        placed.append((group.uids, new_number))
    count(tx, mailbox, moved)
    changed, flag_sets_now = _aligned(placed)
    changes.record(tx, modseq, mailbox, ChangeKind.FLAGS, present.runs_of(changed))
    return Stored(modseq, changed, flag_sets_now, failed)


def store_one(tx: Tx, actor: Actor, mailbox: int, uid: int, mode: Mode, flags: FlagSet) -> Stored:
    """`store_flags` on one message, for who has every right: by its row, without groups of messages."""
    assert actor.owner
    given = flags if _all_system(flags) else spelled(tx, flags)
    _encoded(given)
    found = tx.row(_ONE, tx.account, mailbox, uid)
    if found is None:
        access.live(tx, mailbox)
        return Stored()
    old_number, size, before, reached, told = found[0], found[1], found[3], found[4], found[5]
    old = decode(found[2])
    new = _after(old, mode, given, rights.ALL)
    if new == old:
        return Stored()
    modseq = changes.next_after(tx, reached, told, State.EMAIL, State.COUNTS)
    key = (tx.account, mailbox, uid)
    number = tx.remembered.get(new)
    # What was remembered may not have been committed, or swept since.
    if number is None or not tx.run(_SET_KNOWN, number, modseq, *key, tx.account, number, _encoded(new)):
        number = intern(tx, new)
        if len(tx.remembered) == REMEMBERED:
            tx.remembered.clear()
        tx.remembered[new] = number
        tx.run(_SET, number, modseq, *key)
    _move(tx, mailbox, old_number, number, size, before)
    changes.record(tx, modseq, mailbox, ChangeKind.FLAGS, ((uid, uid),))
    return Stored(modseq, array("I", (uid,)), array("H", (number,)))


_ONE = (
    f"SELECT m.flag_set, m.size, f.flags, c.n, {changes.REACHED} FROM mailbox b JOIN account a"
    " ON a.account = b.account JOIN message m ON m.account = b.account AND m.mailbox = b.id JOIN flag_set f"
    " ON f.account = m.account AND f.id = m.flag_set JOIN mailbox_flags c ON c.account = m.account"
    " AND c.mailbox = m.mailbox AND c.flag_set = m.flag_set"
    " WHERE b.account = ? AND b.id = ? AND b.deleted IS NULL AND b.selectable = 1 AND m.uid = ?"
)
_SET = "UPDATE message SET flag_set = ?, modseq = ? WHERE account = ? AND mailbox = ? AND uid = ?"
_SET_KNOWN = f"{_SET} AND EXISTS (SELECT 1 FROM flag_set WHERE account = ? AND id = ? AND flags = ?)"


@lru_cache(maxsize=256)
def _all_system(flags: FlagSet) -> bool:
    return model.canonical(flags) == flags and all(flag.startswith("\\") for flag in flags)


def _few(tx: Tx, mailbox: int, uids: Runs, most_modseq: int) -> list[tuple[int, FlagSet, Group]]:
    """(flag set, flags, messages) of the messages in `uids` with a mod-sequence up to `most_modseq`, from
    their rows: for a few that is less than what the counters and `present` ask."""
    groups: dict[int, tuple[int, FlagSet, Group]] = {}
    for low, high in uids:
        for uid, number, size, flags in tx.rows(
            "SELECT m.uid, m.flag_set, m.size, f.flags FROM message m JOIN flag_set f"
            " ON f.account = m.account AND f.id = m.flag_set WHERE m.account = ? AND m.mailbox = ?"
            " AND m.uid BETWEEN ? AND ? AND m.modseq <= ? ORDER BY m.uid",
            tx.account,
            mailbox,
            low,
            high,
            most_modseq,
        ):
            if number not in groups:
                groups[number] = number, decode(flags), Group(array("I"))
            group = groups[number][2]
            group.uids.append(uid)
            group.octets += size
    return list(groups.values())


@lru_cache(maxsize=4096)
def _after(old: FlagSet, mode: Mode, given: FlagSet, held: str) -> FlagSet:
    """A set after STORE, as far as the rights `held` allow (RFC 4314 4)."""
    allowed = permitted(given, held)
    match mode:
        case "add":
            return model.canonical((*old, *allowed))
        case "remove":
            return tuple(flag for flag in old if flag not in allowed)
        case "replace":
            untouchable = (flag for flag in old if _right(flag) not in held)
            return model.canonical((*untouchable, *allowed))


def _aligned(placed: list[tuple[array[int], int]]) -> tuple[array[int], array[int]]:
    """UIDs ascending, and the flag set of each."""
    if len(placed) == 1:
        [(uids, number)] = placed
        return uids, array("H", [number]) * len(uids)
    placed_in: dict[int, int] = {}
    for uids, number in placed:
        placed_in.update(zip(uids, repeat(number)))
    ascending = sorted(placed_in)  # of some ascending stretches: hardly more than a look at each
    return array("I", ascending), array("H", map(placed_in.__getitem__, ascending))


def sweep(tx: Tx) -> int:
    """Where there are many, drop sets that no message has, live or retained; how many.

    The set with the greatest number stays, so that its number is not given out again.
    """
    (count,) = tx.rows("SELECT count(*) FROM flag_set WHERE account = ?", tx.account)[0]
    if count < MANY_SETS:
        return 0
    return tx.run(
        "DELETE FROM flag_set WHERE account = ? AND id < (SELECT max(id) FROM flag_set WHERE account = ?)"
        " AND id NOT IN (SELECT flag_set FROM message WHERE account = ?)"
        " AND id NOT IN (SELECT flag_set FROM buried WHERE account = ?)",
        tx.account,
        tx.account,
        tx.account,
        tx.account,
    )
