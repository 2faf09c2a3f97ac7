"""Where an account lives on disk, and how a folder comes to be there or goes.

An account is made whole in a folder of another name and renamed into place; it goes by the reverse.
So whoever looks sees a complete account or none. Every link is followed by a sync of its folder: a
file whose name is lost in a power cut is as lost as its bytes.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pillarbox.model.errors import Code, NoAccount, Refused
from pillarbox.model.ids import MAX_PREFIX
from pillarbox.store import known, schema
from pillarbox.store.engine import sqlite
from pillarbox.store.tx import Busy, Tx


def account_folder(data: Path, account: int) -> Path:
    if not 0 < account <= MAX_PREFIX:
        raise ValueError(f"no account is numbered {account}")
    return data / "accounts" / f"{account & 0xFF:02x}" / f"{account:08x}"


def accounts(data: Path) -> list[int]:
    """The accounts that exist, ascending."""
    return sorted(int(folder.name, 16) for folder in (data / "accounts").glob("[0-9a-f][0-9a-f]/????????"))


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """`folder` and its parents, each name durable. Mail is nobody else's business: mode 0700."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def write_file(path: Path, content: bytes) -> None:
    """A new file with synced content; its name becomes durable with `sync_folder`."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


@cache
def template() -> bytes:
    """An empty `mail.db` of the current version: making one afresh takes milliseconds, copying does not."""
    return sqlite.empty(schema.FIRST, schema.MIGRATIONS, schema.APPLICATION_ID)


def create_account(data: Path, account: int, now: int, fill: Callable[[Tx], None]) -> None:
    """A new account, durable when this returns. `fill` is a verb that gives it its first mailboxes."""
    folder = account_folder(data, account)
    if folder.exists():
        raise Refused("There is an account of that number already", Code.ALREADYEXISTS)
    make_folder(folder.parent)
    new = data / "accounts" / f".new-{uuid.uuid4()}"
    new.mkdir(mode=0o700)
    try:
        about = {"account": account, "created": now, "contains": "the mail of one Pillarbox account"}
        write_file(new / "account.json", json.dumps(about, indent=1).encode("ascii") + b"\n")
        write_file(new / sqlite.FILE, template())
        database = sqlite.open_account(new, clock=lambda: now)
        try:
            with database.transaction(write=True) as tx:
                sqlite.introduce(tx, account)
                fill(tx)
            database.complete()
        finally:
            database.close()
        (new / f"{sqlite.FILE}-wal").unlink(missing_ok=True)
        (new / f"{sqlite.FILE}-shm").unlink(missing_ok=True)
        sync_folder(new)
        try:
            new.rename(folder)
        except OSError as error:
            raise Refused("There is an account of that number already", Code.ALREADYEXISTS) from error
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def erase_account(data: Path, account: int) -> None:
    """The account and all its mail, for good.

    Other processes may have it open, and files without a name take writes as others do: so first it is
    closed to them.
    """
    folder = account_folder(data, account)
    gone = data / "accounts" / f".gone-{uuid.uuid4()}"
    try:
        sqlite.condemn(folder)
    except Busy as busy:
        raise Refused("The account is busy", Code.INUSE, temporary=True) from busy
    except Refused:
        pass  # condemned before, or damaged: it takes no writes
    try:
        folder.rename(gone)
    except FileNotFoundError as error:
        raise NoAccount from error
    known.forget(data, account)
    sync_folder(folder.parent)
    shutil.rmtree(gone, ignore_errors=True)
