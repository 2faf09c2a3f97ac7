"""Searching all mail of an account, as its owner would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.message.decode import header_text
from pillarbox.message.walk import walk
from pillarbox.model import masks, search
from pillarbox.model.actors import SERVER
from pillarbox.model.changes import Columns
from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.flags import FlagSet
from pillarbox.model.masks import Mask
from pillarbox.model.names import INBOX, Role
from pillarbox.model.numbers import runs_of
from pillarbox.model.search import Key
from pillarbox.store import blobs, emails, flags, mailboxes
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.query.plan import Plan
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope
from pillarbox.store.store import Store

if TYPE_CHECKING:
    from pillarbox.store.tx import Tx

HEADER = 64 * 1024  # octets of a message in which its From and Subject are looked for
ROWS = 1_000  # of messages, read at once
LEFT_OUT = frozenset((Role.JUNK, Role.TRASH))  # where is only searched when a query says where

_ROLES = {
    "sent": Role.SENT,
    "drafts": Role.DRAFTS,
    "draft": Role.DRAFTS,
    "spam": Role.JUNK,
    "junk": Role.JUNK,
    "trash": Role.TRASH,
    "bin": Role.TRASH,
    "archive": Role.ARCHIVE,
}


@dataclass(frozen=True, slots=True)
class Match:
    """A message that was found; `at` is its INTERNALDATE."""

    mailbox: str
    uid: int
    at: int
    size: int
    sender: str
    subject: str


@dataclass(frozen=True, slots=True)
class Found:
    """`matches` are the newest, `total` is how many there are. `plans` by mailbox, of those searched."""

    matches: list[Match]
    total: int
    plans: dict[str, Plan]


async def search_all(store: Store, account: int, key: Key, limit: int) -> Found:
    key = search.settled(key, store.clock())
    somewhere = any(isinstance(leaf, search.InMailbox) for leaf in search.leaves(key))
    plans: dict[str, Plan] = {}
    newest: list[tuple[int, str, int, int, int]] = []  # at, mailbox, uid, size, blob
    total = 0
    for row in await store.read(account, mailboxes.list_all, SERVER):
        if not row.selectable or (not somewhere and row.role in LEFT_OUT):
            continue
        try:
            found, plan = await _in_mailbox(store, account, row, key)
        except NoAccount:
            raise
        except Refused as refused:
            if refused.code is not Code.NONEXISTENT:
                raise
            continue  # deleted meanwhile
        plans[row.path] = plan
        total += len(found)
        newest = sorted([*newest, *await _dated(store, account, row, found)], reverse=True)[:limit]
    return Found([await _match(store, account, one) for one in newest], total, plans)


async def _in_mailbox(store: Store, account: int, row: MailboxRow, key: Key) -> tuple[list[int], Plan]:
    """The UIDs of what matches in one mailbox."""
    columns = await store.columns(account, SERVER, row.id)
    meanings = await store.read(account, flags.flag_sets)

    def here(leaf: Key) -> Key:
        if not isinstance(leaf, search.InMailbox):
            return leaf
        return search.All() if names(leaf, row) else search.Not(search.All())

    scope = Scope(account, SERVER, row.id, columns.uids, lambda leaf: _known(leaf, columns, meanings))
    planner = Planner(store, scope)
    found = await planner.find(search.replaced(key, here), masks.full(len(columns.uids)))
    return masks.selected(columns.uids, found), planner.plan


def names(leaf: search.InMailbox, row: MailboxRow) -> bool:
    """Whether a query that says this means that mailbox: by role, or by name in any case."""
    name = leaf.name.lower()
    if not name:
        return True
    if name in _ROLES and row.role is not None:
        return row.role is _ROLES[name]
    return row.path.lower() == name or (name == "inbox" and row.path == INBOX)


def _known(leaf: Key, columns: Columns, meanings: dict[int, FlagSet]) -> Mask | None:
    if not isinstance(leaf, search.Flag):
        return None
    folded = leaf.flag.lower()
    wanted = [number for number, named in meanings.items() if any(one.lower() == folded for one in named)]
    return masks.of_flag_sets(columns.flag_sets, wanted)


async def _dated(
    store: Store, account: int, row: MailboxRow, uids: Sequence[int]
) -> list[tuple[int, str, int, int, int]]:
    out: list[tuple[int, str, int, int, int]] = []
    columns = ("internal_at", "uid", "size", "blob")
    for start in range(0, len(uids), ROWS):
        runs = runs_of(uids[start : start + ROWS])
        rows = await store.read(account, emails.rows_of, SERVER, row.id, runs, columns)
        out += [(at, row.path, uid, size, blob) for at, uid, size, blob in rows]
    return out


async def _match(store: Store, account: int, found: tuple[int, str, int, int, int]) -> Match:
    at, mailbox, uid, size, blob = found
    header = await store.read(account, _header, blob)
    fields = walk(header).fields
    sender, subject = (_shown(fields.get(name, b"")) for name in (b"from", b"subject"))
    return Match(mailbox, uid, at, size, sender, subject)


def _header(tx: Tx, blob: int) -> bytes:
    try:
        opened = blobs.open_blob(tx, blob)
        return bytes(opened.read(0, min(opened.size, HEADER)))
    except Refused:
        return b""  # erased meanwhile


def _shown(value: bytes) -> str:
    """For a terminal: nothing that would move its cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in header_text(value)).strip()
