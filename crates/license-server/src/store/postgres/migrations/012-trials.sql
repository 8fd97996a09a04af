-- Trials that people start on a vendor's server. A request has a digest of its secret, and no keys.
-- The keys are what no two trials share: an exception of an administrator has none.
CREATE TABLE trials (
  tenant        text COLLATE "C" NOT NULL,
  id            text COLLATE "C" NOT NULL,
  state         text COLLATE "C" NOT NULL
    CHECK (state IN ('requested', 'issuing', 'started', 'reminded', 'converted', 'ended')),
  email         text COLLATE "C",
  customer      text COLLATE "C" NOT NULL,
  machine       text COLLATE "C",
  is_exception  bigint NOT NULL CHECK (is_exception IN (0, 1)),
  started_by    text COLLATE "C" NOT NULL,
  requested_at  bigint NOT NULL,
  started_at    bigint,
  ends_at       bigint,
  license       text COLLATE "C",
  reminded      bigint,
  stopped_at    bigint,
  paid          text COLLATE "C",
  closed_at     bigint,
  next_at       bigint,
  email_key     bytea CHECK (length(email_key) = 32),
  customer_key  text COLLATE "C",
  machine_key   text COLLATE "C",
  request       bytea CHECK (length(request) = 32),
  request_until bigint,
  PRIMARY KEY (tenant, id),
  CHECK ((license IS NULL) = (state IN ('requested', 'issuing'))),
  CHECK ((paid IS NULL) = (state <> 'converted'))
);
CREATE UNIQUE INDEX trials_by_request ON trials (tenant, request);
CREATE UNIQUE INDEX trials_by_email ON trials (tenant, email_key);
CREATE UNIQUE INDEX trials_by_customer ON trials (tenant, customer_key);
CREATE UNIQUE INDEX trials_by_machine ON trials (tenant, machine_key);
CREATE INDEX trials_by_address ON trials (tenant, email);
CREATE INDEX trials_by_time ON trials (tenant, next_at);
CREATE INDEX trials_by_end ON trials (tenant, closed_at);

ALTER TABLE trials ENABLE ROW LEVEL SECURITY;
ALTER TABLE trials FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON trials
  USING (tenant = current_setting('license_server.tenant', true));
