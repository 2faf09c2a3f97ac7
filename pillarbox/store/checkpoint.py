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

# Pages of the log. From PASSIVE on it is copied whenever it has grown by so much, which disturbs nobody;
# under load that never catches up, so from FORCED on writers are held off until it has.
PASSIVE = 1000
FORCED = 16_000

FORCED_WAIT = 1000  # milliseconds to wait for a moment without writers and readers


def checkpoint(folder: Path, *, truncate: bool) -> bool:
    """Copy the log into the database; `truncate` also empties it, so that `mail.db` alone is complete.

    False when somebody was in the way and something is left to do; that is no error.
    """
    connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # The last one reads: before its first look at the file a connection does not know that there is
        # a log, and a checkpoint silently does nothing.
        for pragma in ("synchronous=FULL", "wal_autocheckpoint=0", "user_version"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        in_log, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if truncate:
            # Most pages have been copied above, while writers went on; this holds them off only briefly.
            connection.set_busy_timeout(FORCED_WAIT)
            in_log, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        return in_log == copied
    except apsw.BusyError:
        return False
    finally:
        connection.close()
