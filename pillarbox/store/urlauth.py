"""Mailbox access keys (RFC 4467 2.2): each user's secret for each mailbox, that authorizes URLs into it.

A key is made when it is first needed, replaced by RESETKEY, and goes with its mailbox. Randomness is an
argument.
"""

from pillarbox.model import rights
from pillarbox.model.actors import Actor
from pillarbox.model.changes import ChangeKind
from pillarbox.store import access, changes
from pillarbox.store.tx import Tx

KEY_OCTETS = 32  # RFC 4467 2.2: at least 128 bits of entropy


def key(tx: Tx, actor: Actor, mailbox: int) -> bytes | None:
    """The key of `actor` for `mailbox`, if there is one. A number that is no mailbox's has none."""
    found = tx.row(
        "SELECT secret FROM urlauth_key WHERE account = ? AND owner = ? AND mailbox = ?",
        *(tx.account, actor.reader, mailbox),
    )
    return None if found is None else found[0]


def ensure(tx: Tx, actor: Actor, mailbox: int, fresh: bytes) -> bytes:
    """The key; `fresh` becomes it where there is none."""
    access.require(tx, actor, mailbox, rights.READ)
    access.live(tx, mailbox)
    found = key(tx, actor, mailbox)
    if found is not None:
        return found
    _set(tx, actor, mailbox, fresh)
    return fresh


def reset(tx: Tx, actor: Actor, mailbox: int, fresh: bytes) -> None:
    """`fresh` is the key from now on: what was authorized with another one is so no more."""
    access.require(tx, actor, mailbox, rights.READ)
    access.live(tx, mailbox)
    _set(tx, actor, mailbox, fresh)
    changes.note(tx, changes.next_modseq(tx), mailbox, ChangeKind.KEY, actor.reader)


def reset_all(tx: Tx, actor: Actor) -> None:
    """No mailbox has a key of `actor` any more."""
    gone = tx.rows(
        "DELETE FROM urlauth_key WHERE account = ? AND owner = ? RETURNING mailbox", tx.account, actor.reader
    )
    if gone:
        modseq = changes.next_modseq(tx)
        for (mailbox,) in gone:
            changes.note(tx, modseq, mailbox, ChangeKind.KEY, actor.reader)


def _set(tx: Tx, actor: Actor, mailbox: int, secret: bytes) -> None:
    tx.run(
        "INSERT INTO urlauth_key VALUES (?, ?, ?, ?) ON CONFLICT (account, owner, mailbox) DO UPDATE"
        " SET secret = excluded.secret",
        *(tx.account, actor.reader, mailbox, secret),
    )
