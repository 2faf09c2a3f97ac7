"""The tables of `queue.db`, and how those of an earlier version become them, as in `identity.schema`."""

FIRST = (
    """CREATE TABLE letter (
      id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,  -- never reused: people write it down
      trace TEXT NOT NULL,                   -- of its arrival: in Received, in the log, in `event`
      sender TEXT NOT NULL,                  -- envelope; '' is the null reverse-path
      account INTEGER NOT NULL,              -- who submitted it; 0: nobody here
      message_id TEXT NOT NULL, size INTEGER NOT NULL,
      utf8 INTEGER NOT NULL, body TEXT NOT NULL,  -- SMTPUTF8 and BODY of RFC 6531, 6152, 3030
      ret TEXT NOT NULL, envid TEXT NOT NULL,     -- RFC 3461
      arrived_at INTEGER NOT NULL,
      dictionary INTEGER NOT NULL, frames BLOB,   -- as in the store's table `blob`
      data BLOB, file TEXT NOT NULL)         -- one of them: a row's worth, or a file in queue/""",
    """CREATE TABLE recipient (
      letter INTEGER NOT NULL, n INTEGER NOT NULL,
      address TEXT NOT NULL,                 -- as it was written to us
      target TEXT NOT NULL,                  -- where it goes: an address elsewhere, or an account's own
      local INTEGER NOT NULL, detail TEXT,   -- whether that is an account here, and behind its plus sign
      notify TEXT NOT NULL, orcpt TEXT NOT NULL,  -- RFC 3461
      held INTEGER NOT NULL,                 -- until somebody says otherwise
      taken INTEGER NOT NULL,                -- it is being delivered now
      due_at INTEGER NOT NULL,               -- not before
      attempts INTEGER NOT NULL, told_delay INTEGER NOT NULL,
      reply TEXT NOT NULL,                   -- what the last attempt came to
      PRIMARY KEY (letter, n)) WITHOUT ROWID""",
    "CREATE INDEX recipient_due ON recipient (due_at) WHERE taken = 0 AND held = 0",
    """CREATE TABLE event (                   -- what became of each message, for people
      id INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL,
      trace TEXT NOT NULL, message_id TEXT NOT NULL,
      event TEXT NOT NULL, address TEXT NOT NULL, text TEXT NOT NULL)""",
    "CREATE INDEX event_trace ON event (trace)",
    "CREATE INDEX event_message_id ON event (message_id)",
    "CREATE INDEX event_at ON event (at)",
    """CREATE TABLE sent (                    -- how much each account has submitted in each minute
      account INTEGER NOT NULL, minute INTEGER NOT NULL,
      messages INTEGER NOT NULL, recipients INTEGER NOT NULL,
      PRIMARY KEY (account, minute)) WITHOUT ROWID""",
)

REQUIRE_TLS = ("ALTER TABLE letter ADD COLUMN tls TEXT NOT NULL DEFAULT ''",)

# By destination, so that none takes all places there are; '' is here. For what waits already the domain as it
# was written is good enough.
DESTINATIONS = (
    "ALTER TABLE recipient ADD COLUMN domain TEXT NOT NULL DEFAULT ''",
    "UPDATE recipient SET domain = lower(substr(target, instr(target, '@') + 1)) WHERE NOT local",
    "DROP INDEX recipient_due",
    "CREATE INDEX recipient_due ON recipient (due_at, domain) WHERE taken = 0 AND held = 0",
)

# What a sender wishes (`delivery/wishes.py`).
WISHES = (
    "ALTER TABLE letter ADD COLUMN hold TEXT NOT NULL DEFAULT ''",  # RFC 4865, as it was asked
    "ALTER TABLE letter ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE letter ADD COLUMN by_at INTEGER",  # RFC 2852; NULL: whenever
    "ALTER TABLE letter ADD COLUMN by_mode TEXT NOT NULL DEFAULT ''",  # R, N, RT, NT
    "ALTER TABLE letter ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",  # RFC 6710
    "CREATE INDEX letter_held ON letter (account, held_until) WHERE hold <> ''",
    "ALTER TABLE recipient ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",  # its letter's, for the index
    "ALTER TABLE recipient ADD COLUMN told_late INTEGER NOT NULL DEFAULT 0",  # that by_at has passed
    "DROP INDEX recipient_due",
    "CREATE INDEX recipient_due ON recipient (priority, due_at, domain) WHERE taken = 0 AND held = 0",
)

UPGRADES: tuple[tuple[str, ...], ...] = (FIRST, REQUIRE_TLS, DESTINATIONS, WISHES)
VERSION = len(UPGRADES)
