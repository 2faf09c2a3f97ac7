"""Moving an account's write-ahead log into its database file.

Runs on a thread, on a connection of its own: a checkpoint writes and syncs, which takes tens of
milliseconds where the disk is slow, and the event loop's connection serves one thread only.

`synchronous=FULL` here is what makes `store.commit` right: SQLite syncs the log before it copies from
it, and the database before the log may be written from its start again. So a frame is overwritten
only after its page is safe elsewhere.
"""

from pathlib import Path

import apsw

from pillarbox.store.engine.sqlite import FILE

# Pages of the log after which it is copied and begun anew. Written over from its start it is synced twice
# as fast as when it grows: appending a file's blocks costs the file system a commit of its own.
DUE = 1000

# Beyond this many pages somebody has been in the way for long, and others may wait for once.
OVERDUE = 16_000

WAIT, LONG_WAIT = 20, 1000  # milliseconds that writers may be held off until no reader uses the log


def checkpoint(folder: Path, *, truncate: bool, wait: int = WAIT) -> bool:
    """Copy the log into the database, so that the next write begins it anew; `truncate` also gives back its
    space, so that `mail.db` alone is all.

    False when somebody was in the way and something is left to do; that is no error.
    """
    connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # The last one reads: before its first look at the file a connection does not know that there is
        # a log, and a checkpoint silently does nothing.
        for pragma in ("synchronous=FULL", "wal_autocheckpoint=0", "user_version"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        # Most pages are copied while writers go on; then they are held off, briefly, for the rest. Without
        # that a busy log would never be copied to its end, and never begin anew.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        connection.set_busy_timeout(wait)
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_RESTART
        in_log, copied = connection.wal_checkpoint(mode=mode)
        return in_log == copied
    except apsw.BusyError:
        return False
    finally:
        connection.close()
