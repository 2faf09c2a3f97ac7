"""Object ids and UIDVALIDITY values of an account: given out once, never again.

(UIDs are given out in `messages`, mod-sequences in `changes`.) All of them only under the account's
lock, which every write transaction holds from its first moment.
"""

from pillarbox.model import ids
from pillarbox.model.errors import Code, Refused
from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.store.tx import Tx


def objects(tx: Tx, count: int) -> range:
    """`count` new object ids, ascending: a later object has a greater id, also across kinds."""
    (after,) = tx.rows(
        "UPDATE account SET next_id = next_id + ? WHERE account = ? RETURNING next_id", count, tx.account
    )[0]
    return up_to(tx, after, count)


def up_to(tx: Tx, after: int, count: int) -> range:
    """The last `count` ids given out before `next_id` came to `after`."""
    if after > 1 << ids.COUNTER_BITS:
        raise Refused("This account has given out all its object ids", Code.LIMIT)
    return range(ids.make(tx.prefix, after - count), ids.make(tx.prefix, after - count) + count)


def uidvalidity(tx: Tx) -> int:
    """A UIDVALIDITY that no mailbox of this account has ever had.

    RFC 9051 2.3.1.1: a time stamp is a good start, and each value must be greater than the last; so
    also where several mailboxes are created within a second, or the clock went back.
    """
    (value,) = tx.rows(
        "UPDATE account SET uidvalidity = CASE WHEN uidvalidity < ? THEN ? ELSE uidvalidity + 1 END"
        " WHERE account = ? RETURNING uidvalidity",
        tx.now,
        tx.now,
        tx.account,
    )[0]
    if value > MAX_NUMBER:
        raise Refused("This account has given out all its UIDVALIDITY values", Code.LIMIT)
    return int(value)


def leap(tx: Tx, ids: int) -> None:
    """Give out none of the next `ids` object ids. (UIDVALIDITY follows the clock in any case.)"""
    tx.run("UPDATE account SET next_id = next_id + ? WHERE account = ?", ids, tx.account)
