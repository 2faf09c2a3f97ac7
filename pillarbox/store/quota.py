"""How much of an account is used, and how much may be (RFC 9208).

Usage is counters in the account's row, changed in the transaction that changes the rows they count, so
asking costs one read. STORAGE is the sum of RFC822.SIZE over live messages: a COPY is charged again,
although its bytes are stored once. What is retained after an expunge is counted apart (`kept`).
"""

from dataclasses import dataclass
from enum import Enum

from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, NoRight, Refused
from pillarbox.store.tx import Tx

UNIT = 1024  # RFC 9208 5.1: STORAGE is counted in units of 1024 octets


class Resource(Enum):
    """What is limited; the value is its name in RFC 9208 5."""

    STORAGE = "STORAGE"
    MESSAGE = "MESSAGE"
    MAILBOX = "MAILBOX"


@dataclass(frozen=True, slots=True)
class Usage:
    octets: int
    messages: int
    mailboxes: int
    kept: int  # octets expunged and not yet erased; nobody is charged for them

    def of(self, resource: Resource) -> int:
        """The usage as RFC 9208 counts it, part of a unit as a whole one."""
        match resource:
            case Resource.STORAGE:
                return -(-self.octets // UNIT)
            case Resource.MESSAGE:
                return self.messages
            case Resource.MAILBOX:
                return self.mailboxes


def usage(tx: Tx) -> Usage:
    found = tx.rows(
        "SELECT used_bytes, used_messages, used_mailboxes, kept_bytes FROM account WHERE account = ?",
        tx.account,
    )
    return Usage(*found[0])


def limits(tx: Tx) -> dict[Resource, int]:
    """The account's limits in RFC 9208 units; a resource that is not there has none."""
    return {
        Resource(resource): hard
        for resource, hard in tx.rows(
            "SELECT resource, hard FROM quota_limit WHERE account = ? AND root = ''", tx.account
        )
    }


def set_limit(tx: Tx, actor: Actor, resource: Resource, hard: int | None) -> None:
    """Limit a resource of the whole account, or with None set it free. Users do not set their own."""
    if not actor.override:
        raise NoRight("Only an administrator sets quotas", Code.NOPERM)
    if hard is None:
        tx.run(
            "DELETE FROM quota_limit WHERE account = ? AND root = '' AND resource = ?",
            tx.account,
            resource.value,
        )
        return
    tx.run(
        "INSERT INTO quota_limit VALUES (?, '', ?, ?, 0) ON CONFLICT (account, root, resource)"
        " DO UPDATE SET hard = excluded.hard",
        tx.account,
        resource.value,
        hard,
    )


def require(tx: Tx, *, octets: int = 0, messages: int = 0, mailboxes: int = 0) -> None:
    """`Refused` when that much more would be over a limit."""
    given = limits(tx)
    if not given:
        return
    used = usage(tx)
    wanted = Usage(used.octets + octets, used.messages + messages, used.mailboxes + mailboxes, used.kept)
    for resource, hard in given.items():
        if wanted.of(resource) > max(hard, used.of(resource)):
            # RFC 9208 4.3.1. Temporary: deleting something makes room.
            raise Refused(f"The {resource.value} quota is used up", Code.OVERQUOTA, temporary=True)


def charge(tx: Tx, *, octets: int = 0, messages: int = 0, mailboxes: int = 0, kept: int = 0) -> None:
    """Count what a verb adds, or with negative numbers what it takes away."""
    tx.run(
        "UPDATE account SET used_bytes = used_bytes + ?, used_messages = used_messages + ?,"
        " used_mailboxes = used_mailboxes + ?, kept_bytes = kept_bytes + ? WHERE account = ?",
        octets,
        messages,
        mailboxes,
        kept,
        tx.account,
    )
