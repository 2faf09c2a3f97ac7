"""What of an account changed since a mod-sequence, mailbox by mailbox: for those who watch more than one."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.model.actors import Actor
from pillarbox.store import mailboxes, subscriptions
from pillarbox.store.mailboxes import MailboxRow
from pillarbox.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Moved:
    """`names`: mailboxes came, went or were renamed, or subscriptions changed. `mailboxes` are those whose
    messages changed, whoever may look into them."""

    modseq: int
    names: bool
    mailboxes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The mailboxes that the actor may see, and the subscriptions, as of `modseq`."""

    modseq: int
    mailboxes: list[MailboxRow]
    subscribed: frozenset[str]


def moved(tx: Tx, modseq: int) -> Moved:
    current, names = tx.rows("SELECT modseq, mailbox_state FROM account WHERE account = ?", tx.account)[0]
    found: list[tuple[int]] = []
    if current > modseq:
        found = tx.rows(
            "SELECT id FROM mailbox WHERE account = ? AND highest > ? AND deleted IS NULL AND selectable = 1",
            tx.account,
            modseq,
        )
    return Moved(current, names > modseq, tuple(number for (number,) in found))


def picture(tx: Tx, actor: Actor) -> Picture:
    (current,) = tx.rows("SELECT modseq FROM account WHERE account = ?", tx.account)[0]
    subscribed = subscriptions.subscriptions(tx, actor)
    return Picture(current, mailboxes.list_all(tx, actor), frozenset(subscribed))
