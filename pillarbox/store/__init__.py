"""The one mail store.

On disk, under the data folder:

    accounts/<2 hex>/<8 hex>/       one account; the number is its prefix, the address is directory data
        account.json                what this folder is, for people
        mail.db  mail.db-wal  -shm  the truth (SQLite, write-ahead log)
        blobs/<2 hex>/<16 hex>      message bytes above 128 KiB compressed; immutable
        views/<16 hex>              columns of a long mailbox as they once were; can be deleted at any time
        orders/<16 hex>.<16 hex>    how a long mailbox was sorted or threaded; can be deleted at any time
    run/                            sockets and maps of the doorbell; worth nothing after a stop

From the bottom: `engine/` opens a file and runs transactions on it; `tx` is what verbs see of that;
`mailboxes messages flags emails changes quota search` are the verbs; `store.Store` is the async facade
that all other rooms hold. `staging compress spool objects blobs` carry message bytes, `handles` keeps some
accounts open, `commit` and `group` make writes durable without holding up the event loop, `checkpoint`
moves logs into databases, `doorbell` tells others that an account moved, `columns` are mailboxes in memory
and `snapshots` the long ones on disk, `order_files` how they were sorted, `upkeep` erases what is long gone,
`check` looks whether all of it is true.

Rules of the place:
- One write door. UIDs are given out in `messages`, mod-sequences in `changes`, under the account's lock.
- A verb is one transaction; no cursor and no open transaction leaves it; no client is spoken to inside it.
- An answer and a ring come after the commit is as durable as was promised, never before.
- A live database file is never opened by hand (closing it would drop SQLite's locks), copied or forked with.
"""
