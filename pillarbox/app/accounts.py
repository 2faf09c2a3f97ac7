"""Making and removing accounts: the directory and the store in the one order that survives a crash.

The folder comes before the directory's row and goes after it. So an address in the directory always has
its mail; what a crash in between leaves is a folder nobody is sent to, which `check` reports, or a
deleted account whose erasing goes on at the next start.
"""

from collections.abc import Iterable

from pillarbox.identity.addresses import address
from pillarbox.identity.directory import Account, Directory
from pillarbox.identity.scram import Verifier
from pillarbox.model.errors import Code, Refused
from pillarbox.store.store import Store


async def add(
    directory: Directory,
    store: Store,
    text: str,
    password_hash: str | None,
    verifiers: Iterable[Verifier] = (),
) -> Account:
    """A new account with its first mailboxes, durable when this returns."""
    written = address(text)
    if directory.find(text) is not None:
        raise Refused(f"{written} exists already", Code.ALREADYEXISTS)
    prefix = directory.free_prefix()
    await store.create_account(prefix)
    try:
        return directory.add(text, password_hash, prefix, verifiers)
    except BaseException:
        await store.erase_account(prefix)
        raise


async def delete(directory: Directory, store: Store, account: Account) -> None:
    """The account and all its mail, for good."""
    directory.delete(account.prefix)
    await _erase(directory, store, account.prefix)


async def finish_deleting(directory: Directory, store: Store) -> list[int]:
    """Erase what an interrupted `delete` left; the prefixes of those accounts."""
    prefixes = directory.unerased()
    for prefix in prefixes:
        await _erase(directory, store, prefix)
    return prefixes


async def _erase(directory: Directory, store: Store, prefix: int) -> None:
    try:
        await store.erase_account(prefix)
    except Refused as refused:
        if refused.code is not Code.NONEXISTENT:  # it was erased, only not yet noted
            raise
    directory.erased(prefix)
