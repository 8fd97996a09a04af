-- The first version. Times are milliseconds since 1970 UTC, or readings of the lease clock where the
-- name ends with `_lease`. Each row belongs to a tenant, except the lease clock of the server.

-- One row: the reading of the lease clock, in milliseconds.
CREATE TABLE lease_clock (
  only      INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  now_lease INTEGER NOT NULL CHECK (now_lease >= 0)
) STRICT;
INSERT INTO lease_clock VALUES (1, 0);

-- One row in a copy that `license-server backup` made, until a server uses the copy.
CREATE TABLE backup_marks (
  only    INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  made_at INTEGER NOT NULL
) STRICT;

-- One row: the first fencing number of new pools. A restore raises it.
CREATE TABLE fencing (
  only      INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  first_seq INTEGER NOT NULL CHECK (first_seq BETWEEN 1 AND 9007199254740991)
) STRICT;
INSERT INTO fencing VALUES (1, 1);

-- The number that changes with the content that servers cache, the numbers of the last event and
-- usage report, and whether a license was ever installed.
CREATE TABLE tenants (
  tenant          TEXT    NOT NULL PRIMARY KEY,
  content_version INTEGER NOT NULL DEFAULT 0,
  last_event      INTEGER NOT NULL DEFAULT 0,
  last_usage      INTEGER NOT NULL DEFAULT 0,
  had_license     INTEGER NOT NULL DEFAULT 0 CHECK (had_license IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE licenses (
  tenant       TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  number       INTEGER NOT NULL,
  pool         TEXT    NOT NULL,
  key          TEXT,
  short_key    TEXT,
  product      TEXT    NOT NULL,
  customer     TEXT    NOT NULL,
  token        TEXT    NOT NULL,
  installed_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX licenses_by_number ON licenses (tenant, number);
CREATE INDEX licenses_by_pool ON licenses (tenant, pool, number);
CREATE INDEX licenses_by_key ON licenses (tenant, key);
CREATE INDEX licenses_by_short_key ON licenses (tenant, short_key);

-- The licenses that a license replaces, which may not be installed.
CREATE TABLE superseded_licenses (
  tenant    TEXT NOT NULL,
  license   TEXT NOT NULL,
  successor TEXT NOT NULL,
  PRIMARY KEY (tenant, license, successor),
  FOREIGN KEY (tenant, successor) REFERENCES licenses (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX superseded_licenses_by_successor ON superseded_licenses (tenant, successor);

CREATE TABLE revocation_lists (
  tenant      TEXT    NOT NULL,
  product     TEXT    NOT NULL,
  issuer      TEXT    NOT NULL,
  seq         INTEGER NOT NULL,
  armor       TEXT    NOT NULL,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  imported_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, product, issuer)
) STRICT, WITHOUT ROWID;

CREATE TABLE trust_statements (
  tenant      TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  armor       TEXT    NOT NULL,
  imported_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, armor)
) STRICT, WITHOUT ROWID;

CREATE TABLE machines (
  tenant     TEXT    NOT NULL,
  license    TEXT    NOT NULL,
  machine    TEXT    NOT NULL,
  version    TEXT,
  first_seen INTEGER NOT NULL,
  last_seen  INTEGER NOT NULL,
  PRIMARY KEY (tenant, license, machine)
) STRICT, WITHOUT ROWID;
CREATE INDEX machines_by_last_use ON machines (tenant, license, last_seen);

CREATE TABLE activations (
  tenant       TEXT    NOT NULL,
  number       INTEGER NOT NULL,
  nonce        TEXT    NOT NULL,
  license      TEXT    NOT NULL,
  machine      TEXT    NOT NULL,
  request      TEXT    NOT NULL,
  requested_at INTEGER NOT NULL,
  answer       TEXT,
  answered_at  INTEGER,
  receipt      TEXT,
  state        TEXT    NOT NULL CHECK (state IN ('waiting', 'answered', 'deactivated')),
  PRIMARY KEY (tenant, nonce)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX activations_by_number ON activations (tenant, number);
CREATE INDEX activations_by_state ON activations (tenant, state, number);
CREATE INDEX activations_by_license ON activations (tenant, license, state);

CREATE TABLE usage_reports (
  tenant      TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  license     TEXT    NOT NULL,
  digest      BLOB    NOT NULL CHECK (length(digest) = 32),
  product     TEXT    NOT NULL,
  report      TEXT    NOT NULL,
  bytes       INTEGER NOT NULL,
  entries     INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_reports_by_license ON usage_reports (tenant, license, bytes);

-- Seats. `body` is the row of license-seats as JSON; the columns beside it are for indexes and
-- constraints.
CREATE TABLE pools (
  tenant     TEXT    NOT NULL,
  pool       TEXT    NOT NULL,
  terms      TEXT    NOT NULL,
  next_seq   INTEGER NOT NULL CHECK (next_seq >= 1),
  held       INTEGER NOT NULL CHECK (held >= 0),
  ceiling    INTEGER NOT NULL,
  counters   TEXT    NOT NULL,
  PRIMARY KEY (tenant, pool),
  CHECK (held <= ceiling)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  tenant      TEXT    NOT NULL,
  pool        TEXT    NOT NULL,
  session     TEXT    NOT NULL,
  seq         INTEGER NOT NULL,
  until_lease INTEGER NOT NULL,
  body        TEXT    NOT NULL,
  PRIMARY KEY (tenant, pool, session)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leases_by_seq ON leases (tenant, pool, seq);

CREATE TABLE ended_leases (
  tenant   TEXT    NOT NULL,
  pool     TEXT    NOT NULL,
  session  TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  body     TEXT    NOT NULL,
  PRIMARY KEY (tenant, pool, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
  tenant  TEXT    NOT NULL,
  pool    TEXT    NOT NULL,
  ticket  TEXT    NOT NULL,
  session TEXT    NOT NULL,
  body    TEXT    NOT NULL,
  PRIMARY KEY (tenant, pool, ticket)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tickets_by_session ON tickets (tenant, pool, session);

CREATE TABLE seat_policies (
  tenant TEXT NOT NULL,
  pool   TEXT NOT NULL,
  policy TEXT NOT NULL,
  PRIMARY KEY (tenant, pool)
) STRICT, WITHOUT ROWID;

-- Administration.
CREATE TABLE setup_secrets (
  tenant     TEXT    NOT NULL PRIMARY KEY,
  digest     BLOB    NOT NULL CHECK (length(digest) = 32),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
  tenant     TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  scope      TEXT    NOT NULL CHECK (scope IN ('read', 'admin')),
  digest     BLOB    NOT NULL CHECK (length(digest) = 32),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (tenant, digest);

CREATE TABLE audit (
  tenant  TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  at      TEXT    NOT NULL,
  actor   TEXT    NOT NULL,
  action  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  details TEXT    NOT NULL,
  hash    BLOB    NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_lasts BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- The end of the audit trail, so that entries removed from the end are missed.
CREATE TABLE audit_heads (
  tenant TEXT    NOT NULL PRIMARY KEY,
  seq    INTEGER NOT NULL,
  hash   BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  tenant  TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  details TEXT    NOT NULL,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TABLE idempotent_requests (
  tenant       TEXT    NOT NULL,
  caller       TEXT    NOT NULL,
  route        TEXT    NOT NULL,
  key          TEXT    NOT NULL,
  body         BLOB    NOT NULL CHECK (length(body) = 32),
  began_at     INTEGER NOT NULL,
  status       INTEGER,
  content_type TEXT,
  response     BLOB,
  PRIMARY KEY (tenant, caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotent_requests_by_time ON idempotent_requests (tenant, began_at);
