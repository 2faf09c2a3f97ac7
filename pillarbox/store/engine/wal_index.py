"""Whether anybody has written to a database, without asking it.

Processes that share a database in WAL mode share its WAL index: a file that each has mapped into its memory,
with a header that every commit changes, whoever makes it, and that SQLite compares itself to find out whether
what it has read before still holds (https://www.sqlite.org/walformat.html, 2.1). So do we: as long as the 96
octets of the header and its copy are what they were, nothing has been committed. What they mean is nobody's
concern here. A commit that is half entered, and the recovery after a crash, differ from what was before, too.

Rules of the place:
- The mapping is SQLite's own, found by its address. The file is never opened here: to close it again would
  take away the locks that SQLite holds on it.
- It stays where it is as long as a connection of this process is open. Who closes that
  forgets the mapping first.
- Where it cannot be found nothing is known, and the database is asked.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HEADER = ctypes.c_char * 96  # the header, and its copy


def find(database: Path) -> ctypes.Array[ctypes.c_char] | None:
    """The header, as it is whenever it is looked at, of a database that this process has open."""
    if sys.platform != "linux":
        return None
    try:
        index = database.with_name(database.name + "-shm").stat()
        maps = Path("/proc/self/maps").read_bytes().splitlines()
    except OSError:
        return None
    # address-address permissions offset device inode path
    device = f"{os.major(index.st_dev):02x}:{os.minor(index.st_dev):02x}"
    wanted = [b"rw-s", b"00000000", device.encode("ascii"), b"%d" % index.st_ino]
    for line in maps:
        words = line.split(None, 5)
        if words[1:5] == wanted:
            return _HEADER.from_address(int(words[0].partition(b"-")[0], 16))
    return None
