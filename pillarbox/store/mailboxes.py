"""Mailboxes: CREATE, DELETE, RENAME, LIST, STATUS, SELECT.

A mailbox is a row with a name of one level and a parent, so renaming a tree changes one row; its id is
its MAILBOXID and outlives every RENAME. The names on the way to a mailbox are mailboxes too, real ones
when CREATE or RENAME needed them, or unselectable ones where a mailbox with inferiors was deleted.

UIDVALIDITY never goes back: values are never given out twice in an account, and `name_used` remembers the
greatest that a name has had, so that a mailbox arriving there by RENAME gets a new one if it must
(RFC 9051 2.3.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pillarbox.model import flags as model_flags
from pillarbox.model import names, rights
from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.model.flags import DELETED, SEEN, FlagSet
from pillarbox.model.names import INBOX, INITIAL_MAILBOXES, MAX_DEPTH, SEPARATOR, Role
from pillarbox.store import access, allocate, changes, flags, messages, quota, subscriptions
from pillarbox.store.changes import State
from pillarbox.store.tx import Tx

MAX_MAILBOXES = 20_000  # an account: LIST looks at all of them
TOP = 0  # the parent of what has none

_COLUMNS = "id, parent, name, role, selectable, uidvalidity, uidnext, recent_uid, highest"
_AND_CHILDREN = (
    f"{_COLUMNS}, EXISTS (SELECT 1 FROM mailbox c WHERE c.account = mailbox.account"
    " AND c.parent = mailbox.id AND c.deleted IS NULL)"
)


@dataclass(frozen=True, slots=True)
class MailboxRow:
    id: int
    path: str
    role: Role | None
    selectable: bool
    has_children: bool
    uidvalidity: int
    uidnext: int
    recent_uid: int  # up to here messages have been \\Recent for somebody
    highest: int


@dataclass(frozen=True, slots=True)
class Status:
    """The numbers of STATUS (RFC 9051 6.3.11)."""

    messages: int
    recent: int
    unseen: int
    deleted: int
    size: int
    uidnext: int
    uidvalidity: int
    highest: int


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT answers from. Messages from `first_recent_uid` on are \\Recent for this session."""

    row: MailboxRow
    status: Status
    first_recent_uid: int
    flags: FlagSet


# Looking


def find(tx: Tx, actor: Actor, path: str) -> MailboxRow | None:
    """The mailbox of that name, if there is one and `actor` may know."""
    try:
        path = names.validated(path)
    except Refused:
        return None
    _, _, row = _approach(tx, path)
    if row is None or rights.LOOKUP not in access.effective(tx, actor, row[0]):
        return None
    return _made(row, path)


def require(tx: Tx, actor: Actor, path: str) -> MailboxRow:
    found = find(tx, actor, path)
    if found is None:
        raise Refused("There is no such mailbox", Code.NONEXISTENT)
    return found


def get(tx: Tx, actor: Actor, mailbox: int) -> MailboxRow:
    """The mailbox of that id."""
    row = tx.row(
        f"SELECT {_AND_CHILDREN} FROM mailbox WHERE account = ? AND id = ? AND deleted IS NULL",
        tx.account,
        mailbox,
    )
    if row is None:
        raise Refused("There is no such mailbox", Code.NONEXISTENT)
    access.require(tx, actor, mailbox, rights.LOOKUP)
    return _made(row, path_of(tx, mailbox))


def path_of(tx: Tx, mailbox: int) -> str:
    levels: list[str] = []
    while mailbox != TOP:
        parent, name = tx.rows(
            "SELECT parent, name FROM mailbox WHERE account = ? AND id = ?", tx.account, mailbox
        )[0]
        levels.append(name)
        mailbox = parent
    return SEPARATOR.join(reversed(levels))


def list_all(tx: Tx, actor: Actor) -> list[MailboxRow]:
    """Every mailbox that `actor` may see, INBOX and what is under it first, then by name."""
    table = _table(tx)
    if not (actor.owner or actor.override):
        table = {
            number: row
            for number, row in table.items()
            if rights.LOOKUP in access.effective(tx, actor, number)
        }
    parents = {row[1] for row in table.values()}
    paths = _paths(tx, table)
    listed = [_made((*row, number in parents), paths[number]) for number, row in table.items()]
    return sorted(listed, key=lambda row: (row.path.split(SEPARATOR)[0] != INBOX, row.path.split(SEPARATOR)))


def _table(tx: Tx) -> dict[int, tuple[Any, ...]]:
    rows = tx.rows(f"SELECT {_COLUMNS} FROM mailbox WHERE account = ? AND deleted IS NULL", tx.account)
    return {row[0]: row for row in rows}


def _paths(tx: Tx, table: dict[int, tuple[Any, ...]]) -> dict[int, str]:
    """The path of every mailbox of `table`; parents missing there are looked up."""
    paths: dict[int, str] = {TOP: ""}
    for number in table:
        chain: list[int] = []
        while number not in paths and number in table:
            chain.append(number)
            number = table[number][1]
        above = paths[number] if number in paths else path_of(tx, number)
        for below in reversed(chain):
            above = f"{above}{SEPARATOR}{table[below][2]}" if above else table[below][2]
            paths[below] = above
    return paths


def _made(row: tuple[Any, ...], path: str) -> MailboxRow:
    number, _, _, role, selectable, uidvalidity, uidnext, recent_uid, highest, has_children = row
    return MailboxRow(
        number,
        path,
        Role(role) if role else None,
        bool(selectable),
        bool(has_children),
        uidvalidity,
        uidnext,
        recent_uid,
        highest,
    )


def status(tx: Tx, actor: Actor, mailbox: int) -> Status:
    """Sums over the counters: the cost does not depend on how much mail there is."""
    row = _open(tx, actor, get(tx, actor, mailbox))
    return _status(tx, row, flags.counts(tx, row.id))


def _status(tx: Tx, row: MailboxRow, counts: list[tuple[int, FlagSet, int, int]]) -> Status:
    messages = sum(n for _, _, n, _ in counts)
    return Status(
        messages=messages,
        recent=_recent(tx, row, messages),
        unseen=sum(n for _, named, n, _ in counts if SEEN not in named),
        deleted=sum(n for _, named, n, _ in counts if DELETED in named),
        size=sum(octets for *_, octets in counts),
        uidnext=row.uidnext,
        uidvalidity=row.uidvalidity,
        highest=row.highest,
    )


def _recent(tx: Tx, row: MailboxRow, messages: int) -> int:
    """Messages above `recent_uid`, counted on the side of it where there are fewer UIDs: where nobody uses
    \\Recent it stays at 0, where somebody does it is near the end."""
    last = row.uidnext - 1
    if not messages or last <= row.recent_uid:
        return 0
    above = last - row.recent_uid < row.recent_uid
    low, high = (row.recent_uid + 1, last) if above else (1, row.recent_uid)
    found: int = tx.rows(
        "SELECT count(*) FROM message WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?",
        *(tx.account, row.id, low, high),
    )[0][0]
    return found if above else messages - found


def select(tx: Tx, actor: Actor, mailbox: int, raise_recent: bool) -> Selected:
    """What SELECT and EXAMINE answer from.

    `raise_recent` (SELECT in a rev1 session, never EXAMINE; RFC 3501 6.3.1) makes what is \\Recent here
    \\Recent for no later session. It needs a write transaction, but takes no mod-sequence; when
    `status.recent` is 0 there is nothing to raise, and a read does.
    """
    row = _open(tx, actor, get(tx, actor, mailbox))
    found = _selected(tx, row)
    if raise_recent and row.uidnext - 1 > row.recent_uid:
        tx.run(
            "UPDATE mailbox SET recent_uid = uidnext - 1 WHERE account = ? AND id = ?", tx.account, mailbox
        )
    return found


def look(tx: Tx, actor: Actor, path: str, mailbox: int | None = None) -> Selected:
    """`select` by name, which changes nothing. `mailbox`: the one of that id, if there is one and `actor` may
    know, whatever its name."""
    row = None
    if mailbox is not None:
        try:
            row = get(tx, actor, mailbox)
        except Refused as refused:
            if refused.code is not Code.NONEXISTENT:
                raise
    return _selected(tx, _open(tx, actor, row or require(tx, actor, path)))


def _selected(tx: Tx, row: MailboxRow) -> Selected:
    counts = flags.counts(tx, row.id)
    used = model_flags.canonical(flag for _, named, _, _ in counts for flag in named)
    return Selected(row, _status(tx, row, counts), row.recent_uid + 1, used)


def _open(tx: Tx, actor: Actor, row: MailboxRow) -> MailboxRow:
    access.require(tx, actor, row.id, rights.READ)
    if not row.selectable:
        raise Refused("This is only a level of the hierarchy, not a mailbox", Code.NONEXISTENT)
    return row


# Changing


def create_initial(tx: Tx) -> None:
    """What a new account begins with, subscribed."""
    modseq = changes.next_modseq(tx, State.MAILBOX, State.USER)
    for path, role in ((INBOX, None), *INITIAL_MAILBOXES):
        _insert(tx, TOP, path, role, modseq)
        subscriptions.enter(tx, path, modseq)


def create(tx: Tx, actor: Actor, path: str, role: Role | None = None) -> MailboxRow:
    """CREATE, also of all names on the way there (RFC 9051 6.3.4)."""
    path = names.validated(path)
    parent, missing, existing = _approach(tx, path)
    if existing and existing[4]:
        raise Refused("There is a mailbox of that name already", Code.ALREADYEXISTS)
    if role and tx.row(
        "SELECT 1 FROM mailbox WHERE account = ? AND role = ? AND deleted IS NULL", tx.account, role.value
    ):
        # RFC 6154 3: a server may refuse a second mailbox for the same use, and says what it refuses.
        raise Refused("Another mailbox has that special use already", Code.USEATTR)
    _require_create(tx, actor, parent)
    modseq = changes.next_modseq(tx, State.MAILBOX)
    if existing is None:
        return get(tx, SERVER, _insert_levels(tx, parent, missing, role, modseq))
    # It has only been a level of the hierarchy, and nobody has seen messages there: it becomes real.
    tx.run(
        "UPDATE mailbox SET selectable = 1, role = ?, uidvalidity = ?, modseq = ?, highest = ?"
        " WHERE account = ? AND id = ?",
        *(role.value if role else None, allocate.uidvalidity(tx), modseq, modseq, tx.account, existing[0]),
    )
    return get(tx, SERVER, existing[0])


def _approach(tx: Tx, path: str) -> tuple[int, list[str], tuple[Any, ...] | None]:
    """The last mailbox that exists above `path`, the levels missing below it, and the row of `path`."""
    parent, row = TOP, None
    levels = path.split(SEPARATOR)
    for depth, level in enumerate(levels):
        parent = row[0] if row else TOP
        row = tx.row(
            f"SELECT {_AND_CHILDREN} FROM mailbox"
            " WHERE account = ? AND parent = ? AND name = ? AND deleted IS NULL",
            tx.account,
            parent,
            level,
        )
        if row is None:
            return parent, levels[depth:], None
    return parent, [], row


def _require_create(tx: Tx, actor: Actor, parent: int) -> None:
    # RFC 4314 4: the "k" right on the nearest existing parent.
    if parent == TOP:
        access.require_top(actor)
    else:
        access.require(tx, actor, parent, rights.CREATE)


def _insert_levels(tx: Tx, parent: int, levels: list[str], role: Role | None, modseq: int) -> int:
    """Mailboxes one below the other; the id of the last, which alone has the role."""
    for level in levels[:-1]:
        parent = _insert(tx, parent, level, None, modseq)
    return _insert(tx, parent, levels[-1], role, modseq)


def _insert(
    tx: Tx, parent: int, name: str, role: Role | None, modseq: int, *, selectable: bool = True
) -> int:
    if quota.usage(tx).mailboxes >= MAX_MAILBOXES:
        raise Refused(f"An account has at most {MAX_MAILBOXES} mailboxes", Code.LIMIT)
    quota.require(tx, mailboxes=1)
    number = allocate.objects(tx, 1)[0]
    tx.run(
        "INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?, 0, ?, 1, 0, ?, 0, ?, ?, ?, NULL, NULL)",
        *(tx.account, number, parent, name, role.value if role else None, int(selectable)),
        *(allocate.uidvalidity(tx), modseq, modseq, modseq, modseq),
    )
    quota.charge(tx, mailboxes=1)
    # RFC 4314 4: a new mailbox should have its parent's rights.
    tx.run(
        "INSERT INTO acl SELECT account, ?, identifier, rights, ? FROM acl"
        " WHERE account = ? AND mailbox = ? AND rights <> ''",
        *(number, modseq, tx.account, parent),
    )
    return number


def delete(tx: Tx, actor: Actor, path: str) -> None:
    """DELETE (RFC 9051 6.3.5). Returns at once: the messages follow in slices (`buried.sweep`)."""
    row = require(tx, actor, path)
    if row.path == INBOX:
        raise Refused("INBOX cannot be deleted", Code.CANNOT)
    access.require(tx, actor, row.id, rights.DELETE)
    if row.has_children and not row.selectable:
        raise Refused("There are mailboxes below that name", Code.HASCHILDREN)
    modseq = changes.next_modseq(tx, State.MAILBOX, State.EMAIL, State.THREAD, State.COUNTS)
    counts = flags.counts(tx, row.id)
    octets = sum(size for *_, size in counts)
    quota.charge(tx, octets=-octets, messages=-sum(n for _, _, n, _ in counts), mailboxes=-1, kept=octets)
    _remember_names(tx, [(row.path, row.uidvalidity)])
    (parent,) = tx.rows("SELECT parent FROM mailbox WHERE account = ? AND id = ?", tx.account, row.id)[0]
    key = (tx.account, row.id)
    tx.run(
        "UPDATE mailbox SET deleted = ?, deleted_at = ?, modseq = ? WHERE account = ? AND id = ?",
        *(modseq, tx.now, modseq, *key),
    )
    tx.run("DELETE FROM mailbox_flags WHERE account = ? AND mailbox = ?", *key)
    tx.run("DELETE FROM urlauth_key WHERE account = ? AND mailbox = ?", *key)
    # RFC 4314 4: the access control list goes with the mailbox.
    tx.run("UPDATE acl SET rights = '', modseq = ? WHERE account = ? AND mailbox = ?", modseq, *key)
    if row.has_children:
        # RFC 9051 6.3.5: inferiors stay, and the name with them, as \\Noselect. It is another mailbox with
        # another id, because this one's messages are still to be moved away.
        name = row.path.rpartition(SEPARATOR)[2]
        level = _insert(tx, parent, name, None, modseq, selectable=False)
        tx.run(
            "UPDATE mailbox SET parent = ?, modseq = ? WHERE account = ? AND parent = ? AND deleted IS NULL",
            *(level, modseq, *key),
        )


def rename(tx: Tx, actor: Actor, old: str, new: str) -> MailboxRow:
    """RENAME with everything below (RFC 9051 6.3.6); subscriptions stay as they are."""
    row = require(tx, actor, old)
    new = names.validated(new)
    parent, missing, existing = _approach(tx, new)
    if existing:
        raise Refused("There is a mailbox of that name already", Code.ALREADYEXISTS)
    _require_create(tx, actor, parent)
    if row.path == INBOX:
        # RFC 9051 6.3.6: INBOX stays, empty, and so does what is below it.
        target = create(tx, actor, new)
        messages.move(tx, actor, row.id, messages.EVERYTHING, target.id)
        return get(tx, SERVER, target.id)
    access.require(tx, actor, row.id, rights.DELETE)
    if new.startswith(row.path + SEPARATOR):
        raise Refused("A mailbox cannot be moved below itself", Code.CANNOT)
    tree = _tree(tx, row)
    deepest = max(path.count(SEPARATOR) for path, _, _ in tree) - row.path.count(SEPARATOR)
    if new.count(SEPARATOR) + deepest >= MAX_DEPTH:
        raise Refused(f"Mailbox names have at most {MAX_DEPTH} levels", Code.LIMIT)
    modseq = changes.next_modseq(tx, State.MAILBOX)
    if missing[:-1]:
        parent = _insert_levels(tx, parent, missing[:-1], None, modseq)
    tx.run(
        "UPDATE mailbox SET parent = ?, name = ?, modseq = ? WHERE account = ? AND id = ?",
        *(parent, missing[-1], modseq, tx.account, row.id),
    )
    _remember_names(tx, [(path, uidvalidity) for path, _, uidvalidity in tree])
    for path, number, uidvalidity in tree:
        _outgrow(tx, new + path[len(row.path) :], number, uidvalidity)
    return get(tx, SERVER, row.id)


def _tree(tx: Tx, top: MailboxRow) -> list[tuple[str, int, int]]:
    """(path, id, UIDVALIDITY) of a mailbox and everything below it."""
    tree = [(top.path, top.id, top.uidvalidity)]
    for path, number, _ in tree:  # grows as it is walked
        tree.extend(
            (f"{path}{SEPARATOR}{name}", child, uidvalidity)
            for child, name, uidvalidity in tx.rows(
                "SELECT id, name, uidvalidity FROM mailbox"
                " WHERE account = ? AND parent = ? AND deleted IS NULL",
                tx.account,
                number,
            )
        )
    return tree


def _remember_names(tx: Tx, left: list[tuple[str, int]]) -> None:
    """Names are left by mailboxes with these UIDVALIDITY values."""
    tx.run_many(
        "INSERT INTO name_used VALUES (?, ?, ?) ON CONFLICT (account, path) DO UPDATE"
        " SET uidvalidity = excluded.uidvalidity WHERE name_used.uidvalidity < excluded.uidvalidity",
        [(tx.account, path, uidvalidity) for path, uidvalidity in left],
    )


def _outgrow(tx: Tx, path: str, mailbox: int, uidvalidity: int) -> None:
    """A mailbox has come to `path`: where a later one has had that name, it needs a greater UIDVALIDITY."""
    if tx.row(
        "SELECT 1 FROM name_used WHERE account = ? AND path = ? AND uidvalidity > ?",
        tx.account,
        path,
        uidvalidity,
    ):
        tx.run(
            "UPDATE mailbox SET uidvalidity = ? WHERE account = ? AND id = ?",
            allocate.uidvalidity(tx),
            tx.account,
            mailbox,
        )
