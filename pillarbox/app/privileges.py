"""Who the server is: root only for what only root may do, then a user of its own, for good.

    owner = owner_of(config.process)     None: it stays who it is
    with lowered(owner): ...             as that user, to come back from: whatever is in folders of theirs
    become(path)                         the same for a command that root runs beside a server
    drop(owner)                          that user for ever, all threads, with its groups and no capability
    protect()                            what is made from now on is nobody else's to read

Root touches nothing in folders that belong to the user, because whoever has become that user could have left
symbolic links there. It binds ports and reads certificates; the rest is done `lowered` or afterwards.
"""

import ctypes
import grp
import os
import pwd
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pillarbox.app.config import ConfigError, Process, load
from pillarbox.model.errors import Refused

UMASK = 0o077

# <linux/prctl.h>, <linux/capability.h>
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the server becomes, with all groups of theirs."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def owner_of(process: Process) -> Owner | None:
    """None when nobody is configured, or when we are them already. ConfigError when there is no such user, or
    when only root could become them."""
    if process.user is None:
        return None
    try:
        user = pwd.getpwnam(process.user)
    except KeyError:
        raise ConfigError(f"process.user: there is no user {process.user} on this machine") from None
    try:
        gid = grp.getgrnam(process.group).gr_gid if process.group is not None else user.pw_gid
    except KeyError:
        raise ConfigError(f"process.group: there is no group {process.group} on this machine") from None
    if user.pw_uid == 0:
        raise ConfigError("process.user: root is not somebody to become")
    if os.geteuid() == user.pw_uid:
        return None
    if os.geteuid() != 0:
        raise ConfigError(f"process.user: only root can become {process.user}; start as root or as that user")
    return Owner(user.pw_name, user.pw_uid, gid, tuple(os.getgrouplist(user.pw_name, gid)))


@contextmanager
def lowered(owner: Owner | None) -> Iterator[None]:
    """As the user, inside; nothing where nobody is to be become."""
    if owner is None:
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    os.setgroups(owner.groups)
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def drop(owner: Owner | None) -> None:
    """There is no way back. Without an owner, only capabilities go, such as the one for low ports."""
    if owner is not None:
        os.setgroups(owner.groups)
        os.setgid(owner.gid)
        os.setuid(owner.uid)  # root's own: the real and the saved ones too
        # A core file would hold the key and mail.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _linux(_PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() != 0:
        _forget_capabilities()


def become(path: Path | None) -> None:
    """For commands: what root makes beside a server must be the server's user's. Only looked at as root."""
    if os.geteuid() != 0:
        return
    owner = owner_of(load(path).process)
    drop(owner)
    if owner is not None and path is not None and not os.access(path, os.R_OK):
        raise ConfigError(f"{path} has to be readable by {owner.name}; `chgrp` and `chmod g+r` make it so")


def protect() -> None:
    os.umask(UMASK)


def give(folder: Path, owner: Owner | None, mode: int = 0o700) -> None:
    """A folder of the user's that is not there yet. Root makes it only where the user could not: there nobody
    has left links for it."""
    if owner is None or folder.exists():
        return
    missing = [each for each in reversed((folder, *folder.parents)) if not each.exists()]
    try:
        for each in missing:
            last = each == folder
            with lowered(owner), suppress(PermissionError):
                each.mkdir()
            if not each.exists():
                each.mkdir()
                if last:
                    os.chown(each, owner.uid, owner.gid, follow_symlinks=False)
            with lowered(owner if each.stat().st_uid == owner.uid else None):
                each.chmod(mode if last else 0o755)
    except OSError as error:
        raise Refused(f"The folder {folder} cannot be made: {error.strerror}") from None


def require_program() -> None:
    """Refused when we could not begin another process: Python and what it runs are somewhere private."""
    for needed in (sys.executable, __file__):
        if not os.access(needed, os.R_OK, effective_ids=True):
            name = pwd.getpwuid(os.geteuid()).pw_name
            raise Refused(f"{name} cannot read {needed}; Pillarbox and its Python belong where that user can")


def require(folder: Path) -> None:
    """Refused when a folder, which exists, is not ours to write to."""
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        name = pwd.getpwuid(os.geteuid()).pw_name
        raise Refused(
            f"The data folder {folder} is not {name}'s to use; `chown -R {name} {folder}` makes it so"
        )


def _linux(*arguments: int) -> None:
    """prctl(2), where there is one; what the kernel does not know is not missed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(
            *(ctypes.c_ulong(each) for each in (*arguments, *(0,) * (5 - len(arguments))))
        )


def _forget_capabilities() -> None:
    """Those that a service manager has given us for the ports. Processes that we begin inherit none."""
    if sys.platform != "linux":
        return
    _linux(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header, nothing = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    ctypes.CDLL(None).capset(header, nothing)
