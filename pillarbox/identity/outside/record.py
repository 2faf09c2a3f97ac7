"""What directories elsewhere have said, in `directory.db`: written in one transaction each.

An account is whose key it is, else whose address it is; so a new name keeps its mail. An account that was
here before its domain was given to a directory goes on as the same account, with its mail, and its password
here opens nothing any more. Whoever is not known there any more keeps the mail, which nobody reads and to
which nothing is added, until they are known again or the account is deleted here.
"""

from dataclasses import dataclass

from pillarbox.identity.addresses import Address, address, maybe_address
from pillarbox.identity.directory import Directory, State
from pillarbox.identity.outside.source import Found


@dataclass(frozen=True, slots=True)
class Known:
    """What was said of an address, and when."""

    account: int
    directory: str
    checked_at: float
    exists: bool
    quota: int | None
    key: str


def known(directory: Directory, folded: str) -> Known | None:
    rows = directory.run(
        "SELECT outside.account, directory, checked_at, state, quota, key FROM address"
        " JOIN outside ON outside.account = address.account WHERE folded = ?",
        folded,
    )
    if not rows:
        return None
    account, name, checked_at, state, quota, key = rows[0]
    return Known(account, name, checked_at, state != State.ABSENT, quota, key)


def owner(directory: Directory, name: str, found: Found) -> int | None:
    """The account that this is, where there is one."""
    written = address(found.address)
    rows = directory.run(
        "SELECT account FROM outside WHERE directory = ? AND key = ?", name, found.key or written.folded
    ) or directory.run("SELECT account FROM address WHERE folded = ?", written.folded)
    return rows[0][0] if rows else None


def put(directory: Directory, name: str, domains: frozenset[str], found: Found, free: int) -> int:
    """Write down what `name` says; the account it is of, which is a new one, `free`, where there was none."""
    written = address(found.address)
    state = State.DISABLED if found.disabled else State.ENABLED
    with directory.changing():
        prefix = owner(directory, name, found)
        if prefix is None:
            directory.insert(written, None, prefix := free)
        _address(directory, prefix, written)
        _aliases(directory, prefix, written, domains, found)
        _say(directory, prefix, name, found.key or written.folded, state, found.quota)
        if found.admin is not None and directory.run(
            "SELECT 1 FROM account WHERE prefix = ? AND admin <> ?", prefix, found.admin
        ):
            directory.touch(prefix, "admin = ?", found.admin)
    return prefix


def gone(directory: Directory, name: str, written: Address) -> None:
    """Nobody has this address there. An alias goes; an account is kept, as one that is absent."""
    with directory.changing():
        rows = directory.run(
            "SELECT prefix, account.address, coalesce(key, folded), quota FROM address"
            " JOIN account ON prefix = address.account LEFT JOIN outside ON outside.account = prefix"
            " WHERE folded = ?",
            written.folded,
        )
        if not rows:
            return
        prefix, own, key, quota = rows[0]
        if address(own).folded == written.folded:
            _say(directory, prefix, name, key, State.ABSENT, quota)
        else:
            directory.run("DELETE FROM address WHERE folded = ?", written.folded)


def unlink(directory: Directory, prefix: int) -> bool:
    """Forget who the account is elsewhere: the next who proves to have its address has it, with its mail."""
    with directory.changing():
        if not directory.run("DELETE FROM outside WHERE account = ? RETURNING 1", prefix):
            return False
        directory.touch(prefix)
    return True


def _say(directory: Directory, prefix: int, name: str, key: str, state: State, quota: int | None) -> None:
    """With a change of the state, nothing that was remembered of logins holds any more."""
    before = directory.run("SELECT state, directory FROM outside WHERE account = ?", prefix)
    directory.run("DELETE FROM outside WHERE account = ? OR (directory = ? AND key = ?)", prefix, name, key)
    directory.run(
        "INSERT INTO outside VALUES (?, ?, ?, ?, ?, ?)", prefix, name, key, state, quota, directory.moment()
    )
    if before != [(state, name)]:
        directory.touch(prefix)


def _address(directory: Directory, prefix: int, written: Address) -> None:
    """The account's own address is this one, whosever it was."""
    directory.run(
        "INSERT INTO address VALUES (?, ?) ON CONFLICT (folded) DO UPDATE SET account = excluded.account",
        *(written.folded, prefix),
    )
    if directory.run("SELECT 1 FROM account WHERE prefix = ? AND address <> ?", prefix, str(written)):
        directory.run("UPDATE account SET address = ? WHERE prefix = ?", str(written), prefix)


def _aliases(directory: Directory, prefix: int, own: Address, domains: frozenset[str], found: Found) -> None:
    written = [each for each in map(maybe_address, found.aliases) if each is not None]
    wanted = {own.folded, *(each.folded for each in written if each.folded.rpartition("@")[2] in domains)}
    have = {row[0] for row in directory.run("SELECT folded FROM address WHERE account = ?", prefix)}
    for folded in have - wanted if found.all_aliases else ():
        directory.run("DELETE FROM address WHERE folded = ?", folded)
    for folded in wanted - have:
        directory.run("INSERT OR IGNORE INTO address VALUES (?, ?)", folded, prefix)
