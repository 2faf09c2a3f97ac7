"""Is what is on disk as it should be: every account's store, and the directory beside the folders."""

from dataclasses import dataclass
from pathlib import Path

from pillarbox.identity.directory import Directory
from pillarbox.store.check import check
from pillarbox.store.files import account_folder, accounts


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong. `account` is an address, or a folder that belongs to no address."""

    account: str
    text: str
    repaired: bool = False


def check_all(
    data: Path, directory: Directory, address: str | None = None, *, repair: bool = False
) -> tuple[int, list[Finding]]:
    """How many accounts were looked at, and what is wrong with them. `repair` recounts what is counters."""
    known = [directory.require(address)] if address else directory.accounts()
    found: list[Finding] = []
    for account in known:
        folder = account_folder(data, account.prefix)
        if folder.is_dir():
            problems = check(folder, repair=repair)
            found += [Finding(account.address, each.text, each.repaired) for each in problems]
        else:
            found.append(Finding(account.address, f"its folder {folder} is missing"))
    if address is None:
        found += _strangers(data, directory)
    return len(known), found


def _strangers(data: Path, directory: Directory) -> list[Finding]:
    """Folders of accounts nobody knows: what an account's making left when it was cut off."""
    known = {account.prefix for account in directory.accounts()} | set(directory.unerased())
    return [
        Finding(str(account_folder(data, prefix)), "belongs to no account of the directory")
        for prefix in accounts(data)
        if prefix not in known
    ]
