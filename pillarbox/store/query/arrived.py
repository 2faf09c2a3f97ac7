"""Mail that the index does not hold yet, searched by the fields that are kept beside it
(`message.own_fields`).

Right after an upload these are thousands of messages. Their fields lie close together in the database, most
are told by a glance to say something else, and what many messages say is looked into once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pillarbox.message.own_fields import may_have, value_of
from pillarbox.model.rights import READ
from pillarbox.store import access
from pillarbox.store.query.question import Question
from pillarbox.store.query.scope import Scope
from pillarbox.store.turns import Turns

if TYPE_CHECKING:
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

ROWS = 500  # read at once
OFTEN = 64  # values looked into between two looks at the time
REMEMBERED = 50_000  # values whose answers are remembered during a search
MOST_UID = (1 << 32) - 1

Row = tuple[int, int, bytes | None]  # email, UID, its fields


@dataclass(slots=True)
class Arrived:
    """Of the mailbox's messages above an email: the emails of those `found`, of those that have to be `asked`
    themselves, and how many messages there are."""

    found: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    count: int = 0


async def by_fields(store: Store, scope: Scope, turns: Turns, asked: Question, after: int) -> Arrived:
    """`asked` is about one of the fields that are kept."""
    out = Arrived()
    known: dict[bytes, bool] = {}
    last = after, MOST_UID
    while True:
        rows = await store.read(scope.account, _beyond, scope, last)
        out.count += len(rows)
        emails = [email for email, _, kept in rows if kept is not None]
        if len(emails) < len(rows):
            out.asked.update(email for email, _, kept in rows if kept is None)
        fields = [kept for _, _, kept in rows if kept is not None]
        if len(known) > REMEMBERED:
            known.clear()
        await turns.through(_look_into(emails, fields, asked, known, out.found))
        if len(rows) < ROWS:
            return out
        last = rows[-1][:2]


def _look_into(
    emails: Sequence[int], fields: Sequence[bytes], asked: Question, known: dict[bytes, bool], out: set[int]
) -> Generator[None, None, None]:
    assert asked.name is not None
    for number in may_have(fields, asked.name, asked.needle):
        value = value_of(fields[number], asked.name)
        if value is None:
            continue
        found = known.get(value)
        if found is None:
            found = known[value] = asked.of_value(value)
            if not len(known) % OFTEN:
                yield
        if found:
            out.add(emails[number])
    yield


def _beyond(tx: Tx, scope: Scope, last: tuple[int, int]) -> list[Row]:
    """The next messages of a mailbox, by their emails' ids and their UIDs."""
    access.require(tx, scope.actor, scope.mailbox, READ)
    return tx.rows(
        "SELECT a.email, a.uid, k.own_fields FROM arrival a CROSS JOIN email_key k"
        " WHERE a.account = ? AND a.email >= ? AND (a.email > ? OR a.uid > ?) AND a.mailbox = ?"
        " AND k.account = a.account AND k.email = a.email ORDER BY a.email, a.uid LIMIT ?",
        *(tx.account, last[0], *last, scope.mailbox, ROWS),
    )
