"""The tables of `directory.db`, and how those of an earlier version become them.

`UPGRADES[n]` makes version n + 1 out of version n, in one transaction with the number itself. A step never
changes once it has been released: a directory goes through all that it has not gone through.
"""

FIRST = (
    """CREATE TABLE account (
      prefix INTEGER NOT NULL PRIMARY KEY,   -- high 31 bits of every object id; random, never reused
      user INTEGER NOT NULL UNIQUE,          -- the number in every per-user row; 0 is the server
      address TEXT NOT NULL,                 -- as it was written
      state INTEGER NOT NULL,
      password TEXT,                         -- argon2id, PHC string; NULL: nobody logs in
      credential_version INTEGER NOT NULL,   -- grows with each change of what a login depends on
      created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL)""",
    """CREATE TABLE address (                 -- the account's own address and its aliases
      folded TEXT NOT NULL PRIMARY KEY, account INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX address_account ON address (account)",
)

SCRAM = (
    # A bit for each SCRAM verifier that is stored of the password: what is lacking is found at once.
    "ALTER TABLE account ADD COLUMN scram INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX account_scram ON account (scram) WHERE state = 1 AND password IS NOT NULL",
    """CREATE TABLE verifier (                -- RFC 5802 3: proves a password and does not tell it
      account INTEGER NOT NULL, mechanism INTEGER NOT NULL,
      iterations INTEGER NOT NULL, salt BLOB NOT NULL, stored_key BLOB NOT NULL, server_key BLOB NOT NULL,
      PRIMARY KEY (account, mechanism)) WITHOUT ROWID""",
    """CREATE TABLE secret (                  -- random octets that the server keeps to itself
      name TEXT NOT NULL PRIMARY KEY, octets BLOB NOT NULL) WITHOUT ROWID""",
    "INSERT INTO secret VALUES ('salt', :random)",
)

APP_PASSWORDS = (
    """CREATE TABLE app_password (
      account INTEGER NOT NULL, name TEXT NOT NULL,
      digest BLOB NOT NULL,                  -- HMAC-SHA-256 under the secret 'app password'
      protocols TEXT NOT NULL,               -- separated by spaces; '' is all
      created_at INTEGER NOT NULL, expires_at INTEGER,
      used_at INTEGER, used_from TEXT NOT NULL,
      PRIMARY KEY (account, name)) WITHOUT ROWID""",
    """CREATE TABLE app_verifier (
      account INTEGER NOT NULL, name TEXT NOT NULL, mechanism INTEGER NOT NULL,
      iterations INTEGER NOT NULL, salt BLOB NOT NULL, stored_key BLOB NOT NULL, server_key BLOB NOT NULL,
      PRIMARY KEY (account, name, mechanism)) WITHOUT ROWID""",
    "INSERT INTO secret VALUES ('app password', :random)",
)

SECOND_FACTOR = (
    """CREATE TABLE second_factor (
      account INTEGER NOT NULL PRIMARY KEY,
      secret TEXT NOT NULL,                  -- base32, as authenticators are given it
      used_step INTEGER NOT NULL,            -- of the last code that was taken
      created_at INTEGER NOT NULL)""",
    """CREATE TABLE recovery_code (
      account INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (account, digest)) WITHOUT ROWID""",
)

ROUTES = (
    """CREATE TABLE domain (                  -- whose mail is ours to take or to refuse
      folded TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL,
      catch_all TEXT,                        -- who gets what is for nobody
      created_at INTEGER NOT NULL) WITHOUT ROWID""",
    """INSERT INTO domain SELECT substr(folded, instr(folded, '@') + 1) AS name,
      substr(folded, instr(folded, '@') + 1), NULL, min(created_at)
      FROM address JOIN account ON account.prefix = address.account GROUP BY name""",
    """CREATE TABLE alias (                   -- one target, or the members of a group
      folded TEXT NOT NULL, position INTEGER NOT NULL,
      address TEXT NOT NULL, target TEXT NOT NULL,
      may_send INTEGER NOT NULL,             -- whether its targets may send as it
      PRIMARY KEY (folded, position)) WITHOUT ROWID""",
    """CREATE TABLE forward (                 -- where an account's mail goes besides its mailboxes
      account INTEGER NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL,
      keep INTEGER NOT NULL,                 -- whether it goes to its mailboxes too
      PRIMARY KEY (account, position)) WITHOUT ROWID""",
    "INSERT INTO secret VALUES ('forwarding', :random)",
)

OUTSIDE = (
    "ALTER TABLE account ADD COLUMN admin INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE outside (                 -- what a directory elsewhere says of an account
      account INTEGER NOT NULL PRIMARY KEY,
      directory TEXT NOT NULL,               -- its name in the configuration
      key TEXT NOT NULL,                     -- what names them there, whatever their address
      state INTEGER NOT NULL, quota INTEGER, -- octets; NULL: no word on it
      checked_at REAL NOT NULL)""",
    "CREATE UNIQUE INDEX outside_key ON outside (directory, key)",
)

UPGRADES: tuple[tuple[str, ...], ...] = (FIRST, SCRAM, APP_PASSWORDS, SECOND_FACTOR, ROUTES, OUTSIDE)
VERSION = len(UPGRADES)
