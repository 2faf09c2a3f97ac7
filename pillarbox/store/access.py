"""What an actor may do in a mailbox (RFC 4314), asked by every verb before it acts.

The owner of an account and an actor with `override` have every right, and for them no row is read.
All others have what the `acl` rows give: the rights of every identifier that names them, minus those
of every negative identifier that does (RFC 4314 2). Identifiers are numbers, never addresses:
`u7` the user 7, `g3` the group 3, and `anyone`; a leading `-` takes rights away.
"""

from pillarbox.model import rights
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, NoRight, Refused
from pillarbox.store.tx import Tx


def live(tx: Tx, mailbox: int) -> None:
    """`Refused` unless the mailbox exists and can hold messages."""
    if not tx.row(
        "SELECT 1 FROM mailbox WHERE account = ? AND id = ? AND deleted IS NULL AND selectable = 1",
        tx.account,
        mailbox,
    ):
        raise Refused("There is no such mailbox", Code.NONEXISTENT)


def effective(tx: Tx, actor: Actor, mailbox: int) -> str:
    """The rights of `actor` in `mailbox`, in the RFC's order."""
    if actor.owner or actor.override:
        return rights.ALL
    names = {"anyone", f"u{actor.reader}", *(f"g{group}" for group in actor.groups)}
    granted: set[str] = set()
    taken: set[str] = set()
    for identifier, given in tx.rows(
        "SELECT identifier, rights FROM acl WHERE account = ? AND mailbox = ?", tx.account, mailbox
    ):
        if identifier in names:
            granted.update(given)
        elif identifier.startswith("-") and identifier[1:] in names:
            taken.update(given)
    return rights.canonical("".join(granted - taken))


def require(tx: Tx, actor: Actor, mailbox: int, right: str) -> None:
    """`Refused` unless `actor` has `right`; who may not even look is told that there is nothing."""
    if actor.owner or actor.override:
        return
    held = effective(tx, actor, mailbox)
    if right in held:
        return
    # RFC 4314 6: a mailbox without the "l" right must look as if it did not exist.
    if rights.LOOKUP in held:
        raise NoRight("You do not have the right to do that here", Code.NOPERM)
    raise NoRight("There is no such mailbox", Code.NONEXISTENT)


def require_top(actor: Actor) -> None:
    """`Refused` unless `actor` may create mailboxes at the top of the account."""
    if not (actor.owner or actor.override):
        raise NoRight("Only the owner creates mailboxes here", Code.NOPERM)
