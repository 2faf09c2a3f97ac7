"""Whether an account has lost some of its past, and what is done then.

Clients have been told what is not there any more in two cases. The machine lost power: flag changes are
committed without waiting for the disk, and others may see a message a moment before it is durable. Or
somebody put an older copy of the account back. Were a mod-sequence or a UID of what was lost given out again,
a client would take one thing for another; and of a message that is again as it was long ago it would not ask.

So an account remembers, in `account.incarnation`, three things about who wrote it: the boot of the kernel,
when its file was born (a copy is born anew), and which writers may have commits that are not on disk. How far
it had come is remembered elsewhere as well (`store.known`). Whoever opens it looks at that before anything is
read. Where the past is not whole, the account leaps: its mod-sequence, all UIDNEXT and its object ids go on
beyond everything that may have been told, and every message counts as changed, so that each client, whatever
it believes, asks and hears how things are (docs/decisions/006-restored-copies.md).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import count
from pathlib import Path

from pillarbox.store import allocate, changes, messages
from pillarbox.store.known import Known
from pillarbox.store.tx import Tx

UNKNOWN = "-"
_ANYBODY = "1.0"  # may have written an account of which only the boot is remembered, as it was at first

# UIDs and object ids that may have been given out in what is lost. These cannot follow the clock: they have
# 32 bits. What was lost may have leapt, too, as when the same copy is put back twice.
AT_ONCE = 10_000  # in the moment before a power cut
SINCE_COPIED = 100_000
A_SECOND = 16  # more, for each that has passed
LONGEST = 30 * 86_400  # seconds, that nothing costs more than a hundredth of all there are


class Past(Enum):
    WHOLE = "whole"
    CUT = "cut"  # what was not on disk when the power went is gone
    COPIED = "copied"  # this is a copy, and may be an older one


@dataclass(frozen=True, slots=True)
class Mark:
    """`account.incarnation`, words with spaces between. Empty in an account that has just been made."""

    boot: str = ""
    birth: str = UNKNOWN
    writers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.boot, self.birth, *self.writers))


def read(tx: Tx) -> Mark:
    words = tx.rows("SELECT incarnation FROM account WHERE account = ?", tx.account)[0][0].split()
    if len(words) == 1:
        return Mark(words[0], UNKNOWN, (_ANYBODY,))
    return Mark(words[0], words[1], tuple(words[2:])) if words else Mark()


def _write(tx: Tx, mark: Mark) -> None:
    tx.run("UPDATE account SET incarnation = ? WHERE account = ?", str(mark), tx.account)


def lineage(tx: Tx) -> str:
    return str(tx.rows("SELECT lineage FROM account WHERE account = ?", tx.account)[0][0])


def past(tx: Tx, birth: str, known: Known) -> Past:
    """How the account comes to us, in a file of that birth."""
    mark = read(tx)
    if UNKNOWN not in (mark.birth, birth) and mark.birth != birth:
        return Past.COPIED
    here = reached(tx)
    if known.lineage and (known.lineage != here.lineage or known.modseq > here.modseq):
        return Past.COPIED
    return Past.CUT if mark.writers and mark.boot != boot_id() else Past.WHOLE


def meet(tx: Tx, birth: str, known: Known, lineage: str) -> Past:
    """Leap where the past is not whole. `lineage` is the name of the history that begins with a copy."""
    found = past(tx, birth, known)
    if found is not Past.WHOLE:
        leap(tx, known, lineage if found is Past.COPIED else None)
        _write(tx, Mark(boot_id(), birth))
    return found


def reached(tx: Tx) -> Known:
    """How far the account has come."""
    (found,) = tx.rows(
        "SELECT lineage, modseq, (SELECT coalesce(max(uidnext), 1) FROM mailbox WHERE account = ?)"
        " FROM account WHERE account = ?",
        tx.account,
        tx.account,
    )
    return Known(found[0], found[1], found[2], tx.now)


def leap(tx: Tx, known: Known, new_lineage: str | None) -> None:
    """Let nothing be given out again, and have everybody ask again for everything."""
    numbers = (AT_ONCE if new_lineage is None else SINCE_COPIED) + _in(changes.quiet(tx))
    modseq = changes.leap(tx, known.modseq)
    least = known.uidnext + AT_ONCE + _in(tx.now - known.at) if known.lineage else 0
    messages.leap(tx, modseq, numbers, least)
    allocate.leap(tx, numbers)
    if new_lineage is not None:
        tx.run("UPDATE account SET lineage = ? WHERE account = ?", new_lineage, tx.account)


def _in(seconds: int) -> int:
    return A_SECOND * max(0, min(seconds, LONGEST))


# Writers


_serial = count(1)


def writer() -> str:
    """A name for one who writes: the process, and who in it."""
    return f"{os.getpid()}.{next(_serial)}"


def enter(tx: Tx, birth: str, writer: str) -> None:
    """From here on the writer may have commits that are not on disk. To be on disk itself before the first of
    them. Those of processes that are gone are on disk then, too: they came before in the same log."""
    mark = read(tx)
    others = [one for one in mark.writers if mark.boot == boot_id() and one != writer and _lives(one)]
    _write(tx, Mark(boot_id(), birth, (*others, writer)))


def leave(tx: Tx, writer: str) -> None:
    """The writer will write no more. If this is found, so is all that came before it: it is one log."""
    mark = read(tx)
    if writer in mark.writers:
        _write(tx, replace(mark, writers=tuple(one for one in mark.writers if one != writer)))


def _lives(writer: str) -> bool:
    try:
        os.kill(int(writer.partition(".")[0]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True


# The machine


@cache
def boot_id() -> str:
    """Constant from one boot of the kernel to the next.

    Where the system does not tell, every process counts as a boot of its own: more leaps than necessary,
    never too few.
    """
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text("ascii").strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True
        )
        if asked.stdout.strip():
            return asked.stdout.strip().lower()
    return str(uuid.uuid4())


class _Statx(ctypes.Structure):
    """The beginning of Linux' `struct statx`, and room for the rest."""

    _fields_ = (
        ("mask", ctypes.c_uint32),
        ("unused", ctypes.c_uint8 * 76),
        ("birth_seconds", ctypes.c_int64),
        ("birth_nanoseconds", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 164),
    )


_AT_FDCWD = -100
_STATX_BTIME = 0x800


def birth(path: Path) -> str:
    """When the file was made. No program can set that: whatever makes a copy makes another file. `UNKNOWN`
    where the file system does not remember."""
    found = _Statx()
    if sys.platform == "linux":
        with suppress(AttributeError):  # a C library without statx
            name = os.fsencode(path)
            if _libc().statx(_AT_FDCWD, name, 0, _STATX_BTIME, ctypes.byref(found)) == 0 and (
                found.mask & _STATX_BTIME
            ):
                return f"{found.birth_seconds}.{found.birth_nanoseconds:09}"
    elif hasattr(stat := path.stat(), "st_birthtime"):
        return f"{stat.st_birthtime:.9f}"
    return UNKNOWN


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
