"""The tables of an account's `mail.db`, their version, and the way from older versions.

The text serves two engines. For PostgreSQL: INTEGER -> BIGINT, BLOB -> BYTEA, `WITHOUT ROWID` dropped,
and in the tables marked [wide] the INTEGER PRIMARY KEY becomes a BIGINT NOT NULL keyed together with
`account`; names compare by bytes. That is why every table begins with `account`.

Rules of the place:
- Hot, wide and bytes are three tables: `message` is what STORE rewrites, `email` is what was computed
  once from the content, `blob` is the content.
- What comes out of mail is BLOB, never TEXT: PostgreSQL takes neither NUL nor invalid UTF-8 in text.
- A released version never changes. A new one is a new entry at the end of `MIGRATIONS`.
"""

import re

APPLICATION_ID = 0x50424F58  # "PBOX", so that file(1) and we know our own files

TEXT = """
CREATE TABLE account (                    -- one row; its lock is the account's write lock
  account INTEGER NOT NULL PRIMARY KEY,   -- 1 in a file, the prefix on PostgreSQL
  prefix INTEGER NOT NULL,                -- high 31 bits of every object id
  incarnation TEXT NOT NULL, lineage TEXT NOT NULL,  -- who wrote it, store.incarnation; redrawn by restore
  modseq INTEGER NOT NULL, floor INTEGER NOT NULL,   -- last given; at or below floor changes are forgotten
  next_id INTEGER NOT NULL, uidvalidity INTEGER NOT NULL,  -- ids never reused; max(last+1, clock)
  mailbox_state INTEGER NOT NULL, counts_state INTEGER NOT NULL, email_state INTEGER NOT NULL,
  thread_state INTEGER NOT NULL, delivery_state INTEGER NOT NULL, user_state INTEGER NOT NULL, -- JMAP
  used_bytes INTEGER NOT NULL, used_messages INTEGER NOT NULL, used_mailboxes INTEGER NOT NULL,
  used_annotations INTEGER NOT NULL, kept_bytes INTEGER NOT NULL);  -- quota; retained, outside quota
CREATE TABLE mailbox (
  account INTEGER NOT NULL, id INTEGER NOT NULL,     -- id = MAILBOXID, survives RENAME
  parent INTEGER NOT NULL,                -- 0 = top
  name TEXT NOT NULL, role TEXT, selectable INTEGER NOT NULL, sort_order INTEGER NOT NULL,  -- one level, NFC
  uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL, recent_uid INTEGER NOT NULL,
  highest INTEGER NOT NULL,               -- HIGHESTMODSEQ: messages, expunges, SETMETADATA
  vanished_floor INTEGER NOT NULL,        -- older: VANISHED = known minus present
  created INTEGER NOT NULL, modseq INTEGER NOT NULL, counts_modseq INTEGER NOT NULL,  -- Mailbox/changes
  deleted INTEGER, deleted_at INTEGER,    -- modseq and time; rows follow in slices, DELETE returns at once
  PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX mailbox_name ON mailbox (account, parent, name) WHERE deleted IS NULL;
CREATE UNIQUE INDEX mailbox_role ON mailbox (account, role) WHERE deleted IS NULL AND role IS NOT NULL;
CREATE TABLE name_used (                  -- greatest UIDVALIDITY a name ever had
  account INTEGER NOT NULL, path TEXT NOT NULL, uidvalidity INTEGER NOT NULL,
  PRIMARY KEY (account, path)) WITHOUT ROWID;
CREATE TABLE keyword (                    -- first spelling wins
  account INTEGER NOT NULL, folded TEXT NOT NULL, spelling TEXT NOT NULL,
  PRIMARY KEY (account, folded)) WITHOUT ROWID;
CREATE TABLE flag_set (                   -- interned
  account INTEGER NOT NULL, id INTEGER NOT NULL, flags BLOB NOT NULL,
  PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX flag_set_flags ON flag_set (account, flags);
CREATE TABLE mailbox_flags (              -- all STATUS numbers, FLAGS, DELETED-STORAGE
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, flag_set INTEGER NOT NULL,
  n INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, flag_set)) WITHOUT ROWID;
CREATE TABLE message (                    -- hot and narrow: STORE rewrites only this
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, email INTEGER NOT NULL,
  flag_set INTEGER NOT NULL, modseq INTEGER NOT NULL, created INTEGER NOT NULL,  -- created: as of a modseq
  internal_at INTEGER NOT NULL, internal_tz INTEGER NOT NULL, saved_at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  uidl TEXT,                              -- only migrated POP3 ids; default uidvalidity-uid
  PRIMARY KEY (account, mailbox, uid)) WITHOUT ROWID;
CREATE INDEX message_email ON message (account, email);  -- JMAP mailboxIds, labels, may this Email be erased
CREATE TABLE buried (                     -- expunged, kept for undelete and open views
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL,
  email INTEGER NOT NULL, thread INTEGER NOT NULL,
  flag_set INTEGER NOT NULL, modseq INTEGER NOT NULL, created INTEGER NOT NULL,  -- modseq = of the expunge
  internal_at INTEGER NOT NULL, internal_tz INTEGER NOT NULL, saved_at INTEGER NOT NULL,
  size INTEGER NOT NULL, uidl TEXT,
  buried_at INTEGER NOT NULL, cause INTEGER NOT NULL, actor INTEGER NOT NULL, moved_to INTEGER,
  PRIMARY KEY (account, mailbox, uid)) WITHOUT ROWID;
CREATE INDEX buried_age ON buried (account, buried_at);  -- the eraser
CREATE INDEX buried_email ON buried (account, email);
CREATE TABLE change (                     -- an index of what changed, one row a verb and mailbox
  account INTEGER NOT NULL, modseq INTEGER NOT NULL, mailbox INTEGER NOT NULL,
  kind INTEGER NOT NULL, reader INTEGER NOT NULL, uids BLOB NOT NULL,  -- ChangeKind; reader 0 = all
  PRIMARY KEY (account, modseq, mailbox, kind, reader)) WITHOUT ROWID;
CREATE TABLE clock (                      -- modseq -> wall clock, a row a minute
  account INTEGER NOT NULL, modseq INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (account, modseq)) WITHOUT ROWID;
CREATE TABLE email (                      -- [wide] immutable; id = EMAILID
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY, thread INTEGER NOT NULL, blob INTEGER NOT NULL,
  created INTEGER NOT NULL, size INTEGER NOT NULL,
  derived INTEGER NOT NULL,               -- version of the code that filled the rest
  header_size INTEGER NOT NULL, sent_at INTEGER, sent_day INTEGER,  -- NULL: no Date that can be read
  message_id BLOB NOT NULL, refs BLOB NOT NULL, envelope BLOB NOT NULL, structure BLOB NOT NULL,
  offsets BLOB NOT NULL, preview BLOB NOT NULL);
CREATE INDEX email_thread ON email (account, thread);
CREATE TABLE email_key (                  -- [wide] normalised header text: SORT, SEARCH FROM TO CC SUBJECT
  account INTEGER NOT NULL, email INTEGER PRIMARY KEY,
  is_reply INTEGER NOT NULL, base_subject BLOB NOT NULL,  -- RFC 5256 2.1
  sender BLOB NOT NULL, recipient BLOB NOT NULL, cc BLOB NOT NULL, subject BLOB NOT NULL);
CREATE TABLE thread_key (                 -- (message id, base subject) -> thread; never merged
  account INTEGER NOT NULL, id_hash INTEGER NOT NULL, subject_hash INTEGER NOT NULL,
  thread INTEGER NOT NULL,
  PRIMARY KEY (account, id_hash, subject_hash)) WITHOUT ROWID;
CREATE TABLE blob (                       -- [wide] data inline up to 128 KiB, else a file or object
  account INTEGER NOT NULL, id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, size INTEGER NOT NULL,
  place INTEGER NOT NULL, dict INTEGER NOT NULL, frames BLOB, data BLOB);  -- store.compress
CREATE TABLE seen (                       -- \\Seen of readers other than the owner
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, reader INTEGER NOT NULL, uid INTEGER NOT NULL,
  seen INTEGER NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, reader, uid)) WITHOUT ROWID;
CREATE TABLE reader_mailbox (             -- STATUS UNSEEN for a reader without a scan
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, reader INTEGER NOT NULL,
  seen_count INTEGER NOT NULL, recent_uid INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, reader)) WITHOUT ROWID;
CREATE TABLE acl (                        -- identifier may begin with '-'; rights '' = tombstone
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, identifier TEXT NOT NULL,
  rights TEXT NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, identifier)) WITHOUT ROWID;
CREATE TABLE metadata (                   -- mailbox 0 = server, reader 0 = /shared; NULL = tombstone
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, reader INTEGER NOT NULL, entry TEXT NOT NULL,
  value BLOB, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, reader, entry));
CREATE TABLE annotation (                 -- RFC 5257; also bumps message.modseq; the section is part of entry
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, entry TEXT NOT NULL,
  reader INTEGER NOT NULL, value BLOB, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, uid, entry, reader));
CREATE TABLE subscription (               -- the user's, by path, also of names that do not exist
  account INTEGER NOT NULL, path TEXT NOT NULL, subscribed INTEGER NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, path)) WITHOUT ROWID;
CREATE TABLE quota_limit (                -- usage is never here; root '' = account, else a tree
  account INTEGER NOT NULL, root TEXT NOT NULL, resource TEXT NOT NULL,
  hard INTEGER NOT NULL, warned INTEGER NOT NULL,
  PRIMARY KEY (account, root, resource)) WITHOUT ROWID;
CREATE TABLE sieve_script (
  account INTEGER NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL, script BLOB NOT NULL,
  active INTEGER NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, name));
CREATE TABLE remembered (                 -- vacation, duplicate, delivery and move idempotency, undo windows
  account INTEGER NOT NULL, kind INTEGER NOT NULL, key BLOB NOT NULL, until INTEGER NOT NULL, value BLOB,
  PRIMARY KEY (account, kind, key)) WITHOUT ROWID;
CREATE TABLE urlauth_key (                -- per user (RFC 4467 2.2), in the user's account
  account INTEGER NOT NULL, owner INTEGER NOT NULL, mailbox INTEGER NOT NULL, secret BLOB NOT NULL,
  PRIMARY KEY (account, owner, mailbox)) WITHOUT ROWID;
"""


def statements(text: str) -> list[str]:
    """The statements of a schema text without comments and layout.

    SQLite keeps the text of each CREATE and parses it whenever a file is opened, so the prose stays here.
    """
    bare = re.sub(r"--[^\n]*", "", text)
    return [" ".join(piece.split()) for piece in bare.split(";") if piece.strip()]


FIRST: tuple[str, ...] = tuple(statements(TEXT))

# An INTERNALDATE in one column: UTC seconds, and in the lowest 14 bits minutes east of Greenwich.
INTERNAL = "(internal_at << 14) + internal_tz + 8192"
INTERNAL_AT, INTERNAL_TZ = "(m.internal >> 14)", "((m.internal & 16383) - 8192)"


def internal(at: int, tz: int) -> int:
    """The value of such a column."""
    return (at << 14) + tz + 8192


# MIGRATIONS[n] leads from version n + 1 to n + 2, inside one transaction under the account's lock.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # What SORT compares, as written (message.sort_keys). NULL: not derived yet by code that knows it.
    tuple(
        f"ALTER TABLE email_key ADD COLUMN {column} BLOB"
        for column in ("from_mailbox", "to_mailbox", "cc_mailbox", "from_display", "to_display")
    ),
    # What nobody reads any more: SEARCH FROM and so on ask the index, and whose thread a buried message is of
    # its email says. And what is due to be erased is found by what buried it, not message by message.
    tuple(
        statements(
            """
            CREATE TABLE email_key_now (
              account INTEGER NOT NULL, email INTEGER PRIMARY KEY,
              is_reply INTEGER NOT NULL, base_subject BLOB NOT NULL,
              from_mailbox BLOB, to_mailbox BLOB, cc_mailbox BLOB, from_display BLOB, to_display BLOB);
            INSERT INTO email_key_now
              SELECT account, email, is_reply, base_subject, from_mailbox, to_mailbox, cc_mailbox,
              from_display, to_display FROM email_key ORDER BY email;
            DROP TABLE email_key;
            ALTER TABLE email_key_now RENAME TO email_key;
            CREATE TABLE burial (                   -- one row a verb and mailbox that buries: the eraser
              account INTEGER NOT NULL, modseq INTEGER NOT NULL, mailbox INTEGER NOT NULL,
              at INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,  -- no UID is outside these
              PRIMARY KEY (account, modseq, mailbox)) WITHOUT ROWID;
            INSERT INTO burial SELECT account, modseq, mailbox, max(buried_at), min(uid), max(uid)
              FROM buried GROUP BY account, modseq, mailbox;
            DROP INDEX buried_age;
            ALTER TABLE buried DROP COLUMN thread;
            """
        )
    ),
    # STORE rewrites whole rows, column by column. So there are fewer: INTERNALDATE is one number, and what is
    # seldom asked for is elsewhere, in the place of the two indexes by email; there it stays when the message
    # is buried.
    tuple(
        statements(
            f"""
            CREATE TABLE arrival (                  -- of each message, live or buried; by email
              account INTEGER NOT NULL, email INTEGER NOT NULL, mailbox INTEGER NOT NULL,
              uid INTEGER NOT NULL, saved_at INTEGER NOT NULL,
              uidl TEXT,                            -- only migrated POP3 ids; default uidvalidity-uid
              PRIMARY KEY (account, email, mailbox, uid)) WITHOUT ROWID;
            INSERT INTO arrival
              SELECT account, email, mailbox, uid, saved_at, uidl FROM message
              UNION ALL SELECT account, email, mailbox, uid, saved_at, uidl FROM buried
              ORDER BY 1, 2, 3, 4;
            CREATE TABLE message_now (              -- hot and narrow: STORE rewrites only this
              account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL,
              email INTEGER NOT NULL, flag_set INTEGER NOT NULL, modseq INTEGER NOT NULL,
              created INTEGER NOT NULL, size INTEGER NOT NULL,
              internal INTEGER NOT NULL,            -- INTERNAL
              PRIMARY KEY (account, mailbox, uid)) WITHOUT ROWID;
            INSERT INTO message_now
              SELECT account, mailbox, uid, email, flag_set, modseq, created, size, {INTERNAL} FROM message
              ORDER BY account, mailbox, uid;
            DROP TABLE message;
            ALTER TABLE message_now RENAME TO message;
            CREATE TABLE buried_now (               -- expunged, kept for undelete and open views
              account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL,
              email INTEGER NOT NULL, flag_set INTEGER NOT NULL,
              modseq INTEGER NOT NULL,              -- of the expunge
              created INTEGER NOT NULL, size INTEGER NOT NULL, internal INTEGER NOT NULL,
              buried_at INTEGER NOT NULL, cause INTEGER NOT NULL, actor INTEGER NOT NULL, moved_to INTEGER,
              PRIMARY KEY (account, mailbox, uid)) WITHOUT ROWID;
            INSERT INTO buried_now
              SELECT account, mailbox, uid, email, flag_set, modseq, created, size, {INTERNAL},
              buried_at, cause, actor, moved_to FROM buried ORDER BY account, mailbox, uid;
            DROP TABLE buried;
            ALTER TABLE buried_now RENAME TO buried;
            """
        )
    ),
    # What SEARCH FROM and so on look at as long as the index does not hold a message (message.own_fields).
    # NULL: the message has to be asked.
    ("ALTER TABLE email_key ADD COLUMN own_fields BLOB",),
)

VERSION = 1 + len(MIGRATIONS)
