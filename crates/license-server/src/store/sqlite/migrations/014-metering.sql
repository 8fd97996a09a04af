-- Metering, and anomalies. Days are UTC days.

-- Amounts that are counted once. `source` is the chain and number of an entry of a usage report, the
-- nonce of an activation, an hour, or the id of an adjustment. `digest` shows that two sources with
-- the same identity contradict each other. `customer` is the pool of the license.
CREATE TABLE usage_facts (
  tenant     TEXT    NOT NULL,
  license    TEXT    NOT NULL,
  kind       TEXT    NOT NULL CHECK (kind IN ('quota', 'activation', 'seats', 'adjustment')),
  source     TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  customer   TEXT    NOT NULL,
  day        TEXT    NOT NULL,
  quantity   INTEGER NOT NULL,
  digest     TEXT    NOT NULL,
  is_counted INTEGER NOT NULL CHECK (is_counted IN (0, 1)),
  PRIMARY KEY (tenant, license, kind, source, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_facts_by_customer ON usage_facts (tenant, customer, day);

-- Customers with facts. `changes` counts the changes of the facts, and `settled` is its value at the
-- last settlement. Periods before `closed_until` are closed.
CREATE TABLE usage_customers (
  tenant       TEXT    NOT NULL,
  customer     TEXT    NOT NULL,
  anchor       TEXT,
  closed_until TEXT,
  first_day    TEXT    NOT NULL,
  changes      INTEGER NOT NULL,
  settled      INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  PRIMARY KEY (tenant, customer)
) STRICT, WITHOUT ROWID;

-- The amounts of closed periods (`number` is 0), and corrections of them. Rows are only appended.
-- `booked_start` and `booked_end` are the period that carries the amount.
CREATE TABLE usage_totals (
  tenant       TEXT    NOT NULL,
  customer     TEXT    NOT NULL,
  period_start TEXT    NOT NULL,
  meter        TEXT    NOT NULL,
  number       INTEGER NOT NULL CHECK (number >= 0),
  seq          INTEGER NOT NULL,
  period_end   TEXT    NOT NULL,
  quantity     INTEGER NOT NULL,
  included     INTEGER,
  overage      INTEGER NOT NULL,
  booked_start TEXT    NOT NULL,
  booked_end   TEXT    NOT NULL,
  recorded_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, customer, period_start, meter, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX usage_totals_by_seq ON usage_totals (tenant, seq);
CREATE TRIGGER usage_totals_stay BEFORE UPDATE ON usage_totals
BEGIN SELECT RAISE(ABORT, 'closed amounts are append-only'); END;

-- The outbox of amounts for the billing provider. `id` is derived from the customer, the meter, the
-- period and the number, so an amount is queued once, and the provider recognizes a repetition.
CREATE TABLE usage_sendings (
  tenant    TEXT    NOT NULL,
  id        TEXT    NOT NULL,
  customer  TEXT    NOT NULL,
  meter     TEXT    NOT NULL,
  event     TEXT    NOT NULL,
  period    TEXT    NOT NULL,
  number    INTEGER NOT NULL,
  quantity  INTEGER NOT NULL CHECK (quantity > 0),
  at        INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  state     TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'uncertain', 'dropped')),
  attempts  INTEGER NOT NULL,
  next_at   INTEGER NOT NULL,
  first_at  INTEGER,
  error     TEXT,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX usage_sendings_by_customer ON usage_sendings (tenant, customer, meter, period, number);
CREATE INDEX usage_sendings_by_time ON usage_sendings (tenant, state, next_at);

-- The thresholds that a customer has reached in a period. Each causes one event.
CREATE TABLE usage_notices (
  tenant   TEXT    NOT NULL,
  customer TEXT    NOT NULL,
  period   TEXT    NOT NULL,
  meter    TEXT    NOT NULL,
  percent  INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (tenant, customer, period, meter, percent)
) STRICT, WITHOUT ROWID;

-- The first day that is metered, and the time up to which hours of seats and activations are counted.
CREATE TABLE usage_cursors (
  tenant        TEXT    NOT NULL,
  started_on    TEXT    NOT NULL,
  counted_until INTEGER NOT NULL,
  PRIMARY KEY (tenant)
) STRICT, WITHOUT ROWID;

-- What a person should look at. `seen` is the largest number that was found.
CREATE TABLE anomalies (
  tenant       TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  kind         TEXT    NOT NULL,
  license      TEXT    NOT NULL,
  seen         INTEGER NOT NULL,
  threshold     INTEGER NOT NULL,
  first_at     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN ('open', 'dismissed')),
  dismissed_at INTEGER,
  dismissed_by TEXT,
  note         TEXT,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX anomalies_by_license ON anomalies (tenant, license, kind, id);
CREATE INDEX anomalies_by_time ON anomalies (tenant, last_at);

-- Many new machines of one license in a short time are an anomaly.
CREATE INDEX machines_by_first_use ON machines (tenant, first_seen);

-- Activations are metered in the order of their answers.
CREATE INDEX activations_by_answer ON activations (tenant, answered_at);
