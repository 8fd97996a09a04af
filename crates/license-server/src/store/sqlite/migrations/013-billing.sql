-- The license that a price of a payment provider buys. `features` has one name a line.
CREATE TABLE billing_plans (
  tenant   TEXT    NOT NULL,
  provider TEXT    NOT NULL,
  price    TEXT    NOT NULL,
  tier     TEXT,
  seats    INTEGER NOT NULL,
  features TEXT    NOT NULL,
  PRIMARY KEY (tenant, provider, price)
) STRICT, WITHOUT ROWID;

-- Customers of a payment provider.
CREATE TABLE billing_customers (
  tenant     TEXT    NOT NULL,
  provider   TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  name       TEXT,
  email      TEXT,
  is_deleted INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, provider, id)
) STRICT, WITHOUT ROWID;

-- Subscriptions, and the state of their licenses. `until` is the end of the license. `is_held` is 1
-- if billing has revoked the license. `version` counts the changes of the row.
CREATE TABLE billing_subscriptions (
  tenant       TEXT    NOT NULL,
  provider     TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  customer     TEXT    NOT NULL,
  status       TEXT    NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'in_grace', 'suspended', 'ended', 'revoked')),
  reason       TEXT    NOT NULL,
  until        INTEGER,
  tier         TEXT,
  seats        INTEGER,
  license      TEXT,
  is_held      INTEGER NOT NULL,
  period_start INTEGER NOT NULL,
  period_end   INTEGER NOT NULL,
  cancel_at    INTEGER,
  created_at   INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  checked_at   INTEGER NOT NULL,
  fault        TEXT,
  version      INTEGER NOT NULL,
  PRIMARY KEY (tenant, provider, id),
  FOREIGN KEY (tenant, provider, customer) REFERENCES billing_customers (tenant, provider, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX billing_subscriptions_by_customer ON billing_subscriptions (tenant, provider, customer);
CREATE INDEX billing_subscriptions_by_check ON billing_subscriptions (tenant, checked_at);

-- Events of a payment provider with their bodies. An event is stored before it is processed.
CREATE TABLE billing_events (
  tenant       TEXT    NOT NULL,
  provider     TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  kind         TEXT    NOT NULL,
  api_version  TEXT    NOT NULL,
  is_live      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  received_at  INTEGER NOT NULL,
  body         BLOB    NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN ('waiting', 'applied', 'ignored')),
  subscription TEXT,
  attempts     INTEGER NOT NULL,
  next_at      INTEGER,
  note         TEXT,
  PRIMARY KEY (tenant, provider, id),
  CHECK ((state = 'waiting') = (next_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX billing_events_by_time ON billing_events (tenant, next_at);
CREATE INDEX billing_events_by_receipt ON billing_events (tenant, received_at);

-- The time up to which the events of a provider were compared with those in the database.
CREATE TABLE billing_marks (
  tenant        TEXT    NOT NULL,
  provider      TEXT    NOT NULL,
  reconciled_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, provider)
) STRICT, WITHOUT ROWID;
