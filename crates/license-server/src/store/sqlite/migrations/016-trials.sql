-- Trials that people start on a vendor's server. A request has a digest of its secret, and no keys.
-- The keys are what no two trials share: an exception of an administrator has none.
CREATE TABLE trials (
  tenant        TEXT    NOT NULL,
  id            TEXT    NOT NULL,
  state         TEXT    NOT NULL
    CHECK (state IN ('requested', 'issuing', 'started', 'reminded', 'converted', 'ended')),
  email         TEXT,
  customer      TEXT    NOT NULL,
  machine       TEXT,
  is_exception  INTEGER NOT NULL CHECK (is_exception IN (0, 1)),
  started_by    TEXT    NOT NULL,
  requested_at  INTEGER NOT NULL,
  started_at    INTEGER,
  ends_at       INTEGER,
  license       TEXT,
  reminded      INTEGER,
  stopped_at    INTEGER,
  paid          TEXT,
  closed_at     INTEGER,
  next_at       INTEGER,
  email_key     BLOB    CHECK (length(email_key) = 32),
  customer_key  TEXT,
  machine_key   TEXT,
  request       BLOB    CHECK (length(request) = 32),
  request_until INTEGER,
  PRIMARY KEY (tenant, id),
  CHECK ((license IS NULL) = (state IN ('requested', 'issuing'))),
  CHECK ((paid IS NULL) = (state <> 'converted'))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX trials_by_request ON trials (tenant, request);
CREATE UNIQUE INDEX trials_by_email ON trials (tenant, email_key);
CREATE UNIQUE INDEX trials_by_customer ON trials (tenant, customer_key);
CREATE UNIQUE INDEX trials_by_machine ON trials (tenant, machine_key);
CREATE INDEX trials_by_address ON trials (tenant, email);
CREATE INDEX trials_by_time ON trials (tenant, next_at);
CREATE INDEX trials_by_end ON trials (tenant, closed_at);
