-- Accounts of people belong to no tenant. `members` joins them to tenants. A name is known for a
-- tenant that a person registered.
ALTER TABLE tenants ADD COLUMN name TEXT;

-- An account that an identity provider vouches for has no address. `password` is a PHC string.
-- `totp_secret` is encrypted with a key outside of the database, and
-- `totp_step` is the time step of the last accepted code: none before a code confirmed the secret.
CREATE TABLE accounts (
  id          TEXT    NOT NULL PRIMARY KEY,
  email       TEXT,
  name        TEXT    NOT NULL,
  password    TEXT,
  totp_secret BLOB,
  totp_step   INTEGER,
  created_at  INTEGER NOT NULL,
  verified_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX accounts_by_email ON accounts (email);

-- The digests of recovery codes that were not used.
CREATE TABLE recovery_codes (
  account TEXT NOT NULL,
  digest  BLOB NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (account, digest),
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- `organization` is the tenant in which the person works. A person who signed in by an identity
-- provider stays there.
CREATE TABLE sessions (
  id           TEXT    NOT NULL PRIMARY KEY,
  digest       BLOB    NOT NULL CHECK (length(digest) = 32),
  account      TEXT    NOT NULL,
  organization TEXT,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  address      TEXT    NOT NULL,
  user_agent   TEXT    NOT NULL,
  provider     TEXT,
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sessions_by_digest ON sessions (digest);
CREATE INDEX sessions_by_account ON sessions (account);

-- Links that people get by mail. A link without an account creates one.
CREATE TABLE account_links (
  digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  purpose    TEXT    NOT NULL CHECK (purpose IN ('registration', 'password_reset', 'email_change')),
  email      TEXT    NOT NULL,
  account    TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX account_links_by_email ON account_links (email);
CREATE INDEX account_links_by_account ON account_links (account);

CREATE TABLE members (
  tenant    TEXT    NOT NULL,
  account   TEXT    NOT NULL,
  role      TEXT    NOT NULL,
  joined_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, account),
  FOREIGN KEY (account) REFERENCES accounts (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_account ON members (account);

CREATE TABLE invitations (
  tenant     TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  email      TEXT    NOT NULL,
  role       TEXT    NOT NULL,
  digest     BLOB    NOT NULL CHECK (length(digest) = 32),
  created_at INTEGER NOT NULL,
  created_by TEXT    NOT NULL,
  expires_at INTEGER NOT NULL,
  is_mailed  INTEGER NOT NULL CHECK (is_mailed IN (0, 1)),
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX invitations_by_digest ON invitations (digest);
CREATE UNIQUE INDEX invitations_by_email ON invitations (tenant, email);

-- An export of an account lists the entries that it caused.
CREATE INDEX audit_by_actor ON audit (tenant, actor, seq);
