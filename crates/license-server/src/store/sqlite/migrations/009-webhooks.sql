-- Entries of the audit trail of format 2: the address of the caller, and the state before the change
-- as JSON. Earlier entries have format 1.
ALTER TABLE audit ADD COLUMN format INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN address TEXT;
ALTER TABLE audit ADD COLUMN former TEXT;

-- The number of endpoints, so that the sender finds the tenants that have some.
ALTER TABLE tenants ADD COLUMN webhooks INTEGER NOT NULL DEFAULT 0;

-- Endpoints that receive events. `after_event` is the number of the last event for which deliveries
-- were queued. `failing_since` and `failed_at` are the first and the last failure since the last success.
-- The secrets sign deliveries. They are sealed with a key that is not in the database.
CREATE TABLE webhooks (
  tenant          TEXT    NOT NULL,
  id              TEXT    NOT NULL,
  url             TEXT    NOT NULL,
  events          TEXT    NOT NULL,
  description     TEXT    NOT NULL,
  disabled        TEXT    CHECK (disabled IN ('administrator', 'gone', 'failing')),
  created_at      INTEGER NOT NULL,
  created_by      TEXT    NOT NULL,
  failing_since   INTEGER,
  failed_at       INTEGER,
  secret          BLOB    NOT NULL,
  previous_secret BLOB,
  previous_until  INTEGER,
  after_event     INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Deliveries to endpoints. The id starts with the time of the event, so that it orders deliveries.
CREATE TABLE webhook_deliveries (
  tenant        TEXT    NOT NULL,
  webhook       TEXT    NOT NULL,
  id            TEXT    NOT NULL,
  event         INTEGER,
  kind          TEXT    NOT NULL,
  body          TEXT    NOT NULL,
  state         TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts      INTEGER NOT NULL,
  queued_at     INTEGER NOT NULL,
  next_at       INTEGER,
  last_at       INTEGER,
  last_status   INTEGER,
  last_error    TEXT,
  last_response TEXT,
  PRIMARY KEY (tenant, webhook, id),
  FOREIGN KEY (tenant, webhook) REFERENCES webhooks (tenant, id) ON DELETE CASCADE,
  CHECK ((state = 'waiting') = (next_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (tenant, next_at);
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (tenant, last_at);
