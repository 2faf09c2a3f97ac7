"""What an administrator has done by a command is written into the audit log, durably, before it says so."""

import getpass
import os
import sys
import time

from pillarbox.app.config import Config
from pillarbox.identity import audit
from pillarbox.identity.audit import Audit, Entry, account_name


def acted(config: Config, what: str, account: str = "", network: str = "") -> None:
    """`what` in the words of the command, without anything secret. The deed is done: a log that cannot be
    written is said to be so, and undoes nothing."""
    entry = Entry(
        time.time(),
        "admin",
        account=account_name(account) if account else "",
        address=network,
        protocol="command",
        detail=f"{what}, by {_who()}",
    )
    try:
        log = Audit(config.data_folder / audit.FILE, durable=True)
        try:
            log.append([entry])
        finally:
            log.close()
    except Exception as error:
        print(f"pillarbox: the audit log was not written: {error}", file=sys.stderr)


def _who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user that has no name
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{behind} as {name}" if behind and behind != name else name
