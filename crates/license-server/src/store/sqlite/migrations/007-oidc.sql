-- The settings are JSON. The secret is encrypted with a key outside of the database.
CREATE TABLE identity_providers (
  tenant     TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  settings   TEXT    NOT NULL,
  secret     BLOB,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX identity_providers_by_id ON identity_providers (id);

-- The people of a tenant who signed in by a provider. An identity ends with the membership.
-- `departments` are names, one a line.
CREATE TABLE identities (
  tenant      TEXT    NOT NULL,
  issuer      TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  account     TEXT    NOT NULL,
  email       TEXT,
  departments TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  used_at     INTEGER NOT NULL,
  PRIMARY KEY (tenant, issuer, subject),
  FOREIGN KEY (tenant, account) REFERENCES members (tenant, account) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_account ON identities (tenant, account);

-- Digests of values that count once: states of sign-ins, and ids of logout tokens.
CREATE TABLE provider_values (
  tenant     TEXT    NOT NULL,
  digest     BLOB    NOT NULL CHECK (length(digest) = 32),
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;

-- The id of the session at the provider by which the person signed in.
ALTER TABLE sessions ADD COLUMN provider_session TEXT;
CREATE INDEX sessions_by_provider ON sessions (provider);
