"""Subscriptions: names, and nothing but names (RFC 9051 6.3.7).

A name is subscribed whether or not a mailbox is called that; DELETE and RENAME leave subscriptions alone.
Names that were unsubscribed stay as rows that say so, for those who ask what changed.
"""

from pillarbox.model import names
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, NoRight, Refused
from pillarbox.store import changes
from pillarbox.store.changes import State
from pillarbox.store.tx import Tx

MAX_SUBSCRIPTIONS = 20_000  # an account, with the unsubscribed ones: names cost nothing to make up


def subscriptions(tx: Tx, actor: Actor) -> list[str]:
    """The names subscribed, in order. They are the account owner's."""
    _require_owner(actor)
    return [
        path
        for (path,) in tx.rows(
            "SELECT path FROM subscription WHERE account = ? AND subscribed = 1 ORDER BY path", tx.account
        )
    ]


def subscribe(tx: Tx, actor: Actor, path: str) -> None:
    _require_owner(actor)
    path = names.validated(path)
    known = _known(tx, path)
    if known == 1:
        return
    if known is None:
        (count,) = tx.rows("SELECT count(*) FROM subscription WHERE account = ?", tx.account)[0]
        if count >= MAX_SUBSCRIPTIONS:
            raise Refused(f"An account has at most {MAX_SUBSCRIPTIONS} subscriptions", Code.LIMIT)
    enter(tx, path, changes.next_modseq(tx, State.USER, State.MAILBOX))


def unsubscribe(tx: Tx, actor: Actor, path: str) -> None:
    """RFC 9051 6.3.8: a name that was not subscribed is not an error."""
    _require_owner(actor)
    try:
        path = names.validated(path)
    except Refused:
        return
    if _known(tx, path) != 1:
        return
    modseq = changes.next_modseq(tx, State.USER, State.MAILBOX)
    tx.run(
        "UPDATE subscription SET subscribed = 0, modseq = ? WHERE account = ? AND path = ?",
        modseq,
        tx.account,
        path,
    )


def enter(tx: Tx, path: str, modseq: int) -> None:
    """Note `path` as subscribed under `modseq`."""
    tx.run(
        "INSERT INTO subscription VALUES (?, ?, 1, ?) ON CONFLICT (account, path)"
        " DO UPDATE SET subscribed = 1, modseq = excluded.modseq",
        tx.account,
        path,
        modseq,
    )


def _known(tx: Tx, path: str) -> int | None:
    found = tx.row("SELECT subscribed FROM subscription WHERE account = ? AND path = ?", tx.account, path)
    return found[0] if found else None


def _require_owner(actor: Actor) -> None:
    # A user's subscriptions are in the user's own account, also those of other people's mailboxes.
    if not (actor.owner or actor.override):
        raise NoRight("These subscriptions are somebody else's", Code.NOPERM)
