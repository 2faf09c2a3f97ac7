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

# Digests are SHA-256 of random octets, which only their bearer has.
OAUTH = (
    """CREATE TABLE oauth_grant (             -- what somebody has allowed a program
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL, client TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
      created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
      used_at INTEGER, used_from TEXT NOT NULL,
      family BLOB)                           -- of what all its refresh tokens begin with
    """,
    "CREATE UNIQUE INDEX oauth_grant_family ON oauth_grant (family)",
    "CREATE INDEX oauth_grant_account ON oauth_grant (account)",
    "CREATE INDEX oauth_grant_end ON oauth_grant (expires_at)",
    """CREATE TABLE oauth_token (
      digest BLOB NOT NULL PRIMARY KEY, grant_id INTEGER NOT NULL,
      kind INTEGER NOT NULL,                 -- 1 opens mail, 2 is exchanged for the next two
      scope TEXT NOT NULL,
      expires_at INTEGER NOT NULL, spent_at INTEGER) WITHOUT ROWID""",
    "CREATE INDEX oauth_token_grant ON oauth_token (grant_id)",
    "CREATE INDEX oauth_token_end ON oauth_token (expires_at)",
    """CREATE TABLE oauth_code (
      digest BLOB NOT NULL PRIMARY KEY, account INTEGER NOT NULL, client TEXT NOT NULL,
      name TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL, challenge TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      grant_id INTEGER) WITHOUT ROWID        -- what it was exchanged for""",
    """CREATE TABLE oauth_device (            -- a device that waits for somebody to allow it something
      digest BLOB NOT NULL PRIMARY KEY, user_code TEXT NOT NULL UNIQUE,
      client TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, expires_at INTEGER NOT NULL,
      pause INTEGER NOT NULL, asked_at INTEGER NOT NULL,
      account INTEGER,                       -- whose it may be; 0: it may not
      grant_id INTEGER) WITHOUT ROWID""",
    """CREATE TABLE web_session (
      digest BLOB NOT NULL PRIMARY KEY, account INTEGER NOT NULL, version INTEGER NOT NULL,
      created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
      wrong INTEGER NOT NULL) WITHOUT ROWID  -- codes of devices, typed in vain""",
    """CREATE TABLE spent (                   -- what was good for once
      digest BLOB NOT NULL PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE passkey (
      id BLOB NOT NULL PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL,
      public_key BLOB NOT NULL, sign_count INTEGER NOT NULL,
      created_at INTEGER NOT NULL, used_at INTEGER) WITHOUT ROWID""",
    "CREATE INDEX passkey_account ON passkey (account)",
)

ASKERS = (
    # Of the device; '' is not counted.
    "ALTER TABLE oauth_device ADD COLUMN network TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX oauth_device_network ON oauth_device (network)",
)

UPGRADES: tuple[tuple[str, ...], ...] = (
    *(FIRST, SCRAM, APP_PASSWORDS, SECOND_FACTOR),
    *(ROUTES, OUTSIDE, OAUTH, ASKERS),
)
VERSION = len(UPGRADES)
