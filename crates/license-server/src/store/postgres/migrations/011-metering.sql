-- Metering, and anomalies. Days are UTC days.

-- Amounts that are counted once. `source` is the chain and number of an entry of a usage report, the
-- nonce of an activation, an hour, or the id of an adjustment. `digest` shows that two sources with
-- the same identity contradict each other. `customer` is the pool of the license.
CREATE TABLE usage_facts (
  tenant     text COLLATE "C" NOT NULL,
  license    text COLLATE "C" NOT NULL,
  kind       text COLLATE "C" NOT NULL CHECK (kind IN ('quota', 'activation', 'seats', 'adjustment')),
  source     text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  customer   text COLLATE "C" NOT NULL,
  day        text COLLATE "C" NOT NULL,
  quantity   bigint NOT NULL,
  digest     text COLLATE "C" NOT NULL,
  is_counted bigint NOT NULL CHECK (is_counted IN (0, 1)),
  PRIMARY KEY (tenant, license, kind, source, name)
);
CREATE INDEX usage_facts_by_customer ON usage_facts (tenant, customer, day);

-- Customers with facts. `changes` counts the changes of the facts, and `settled` is its value at the
-- last settlement. Periods before `closed_until` are closed.
CREATE TABLE usage_customers (
  tenant       text COLLATE "C" NOT NULL,
  customer     text COLLATE "C" NOT NULL,
  anchor       text COLLATE "C",
  closed_until text COLLATE "C",
  first_day    text COLLATE "C" NOT NULL,
  changes      bigint NOT NULL,
  settled      bigint NOT NULL,
  due_at       bigint NOT NULL,
  PRIMARY KEY (tenant, customer)
);

-- The amounts of closed periods (`number` is 0), and corrections of them. Rows are only appended.
-- `booked_start` and `booked_end` are the period that carries the amount.
CREATE TABLE usage_totals (
  tenant       text COLLATE "C" NOT NULL,
  customer     text COLLATE "C" NOT NULL,
  period_start text COLLATE "C" NOT NULL,
  meter        text COLLATE "C" NOT NULL,
  number       bigint NOT NULL CHECK (number >= 0),
  seq          bigint NOT NULL,
  period_end   text COLLATE "C" NOT NULL,
  quantity     bigint NOT NULL,
  included     bigint,
  overage      bigint NOT NULL,
  booked_start text COLLATE "C" NOT NULL,
  booked_end   text COLLATE "C" NOT NULL,
  recorded_at  bigint NOT NULL,
  PRIMARY KEY (tenant, customer, period_start, meter, number)
);
CREATE UNIQUE INDEX usage_totals_by_seq ON usage_totals (tenant, seq);
CREATE TRIGGER usage_totals_stay BEFORE UPDATE ON usage_totals
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The outbox of amounts for the billing provider. `id` is derived from the customer, the meter, the
-- period and the number, so an amount is queued once, and the provider recognizes a repetition.
CREATE TABLE usage_sendings (
  tenant    text COLLATE "C" NOT NULL,
  id        text COLLATE "C" NOT NULL,
  customer  text COLLATE "C" NOT NULL,
  meter     text COLLATE "C" NOT NULL,
  event     text COLLATE "C" NOT NULL,
  period    text COLLATE "C" NOT NULL,
  number    bigint NOT NULL,
  quantity  bigint NOT NULL CHECK (quantity > 0),
  at        bigint NOT NULL,
  queued_at bigint NOT NULL,
  state     text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sent', 'uncertain', 'dropped')),
  attempts  bigint NOT NULL,
  next_at   bigint NOT NULL,
  first_at  bigint,
  error     text COLLATE "C",
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX usage_sendings_by_customer ON usage_sendings (tenant, customer, meter, period, number);
CREATE INDEX usage_sendings_by_time ON usage_sendings (tenant, state, next_at);

-- The thresholds that a customer has reached in a period. Each causes one event.
CREATE TABLE usage_notices (
  tenant   text COLLATE "C" NOT NULL,
  customer text COLLATE "C" NOT NULL,
  period   text COLLATE "C" NOT NULL,
  meter    text COLLATE "C" NOT NULL,
  percent  bigint NOT NULL,
  at       bigint NOT NULL,
  PRIMARY KEY (tenant, customer, period, meter, percent)
);

-- The first day that is metered, and the time up to which hours of seats and activations are counted.
CREATE TABLE usage_cursors (
  tenant        text COLLATE "C" NOT NULL,
  started_on    text COLLATE "C" NOT NULL,
  counted_until bigint NOT NULL,
  PRIMARY KEY (tenant)
);

-- What a person should look at. `seen` is the largest number that was found.
CREATE TABLE anomalies (
  tenant       text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  kind         text COLLATE "C" NOT NULL,
  license      text COLLATE "C" NOT NULL,
  seen         bigint NOT NULL,
  threshold     bigint NOT NULL,
  first_at     bigint NOT NULL,
  last_at      bigint NOT NULL,
  state        text COLLATE "C" NOT NULL CHECK (state IN ('open', 'dismissed')),
  dismissed_at bigint,
  dismissed_by text COLLATE "C",
  note         text COLLATE "C",
  PRIMARY KEY (tenant, id)
);
CREATE INDEX anomalies_by_license ON anomalies (tenant, license, kind, id);
CREATE INDEX anomalies_by_time ON anomalies (tenant, last_at);

-- Many new machines of one license in a short time are an anomaly.
CREATE INDEX machines_by_first_use ON machines (tenant, first_seen);

-- Activations are metered in the order of their answers.
CREATE INDEX activations_by_answer ON activations (tenant, answered_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'usage_facts', 'usage_customers', 'usage_totals', 'usage_sendings',
    'usage_notices', 'usage_cursors', 'anomalies'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
