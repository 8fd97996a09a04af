-- The license that a price of a payment provider buys. `features` has one name a line.
CREATE TABLE billing_plans (
  tenant   text COLLATE "C" NOT NULL,
  provider text COLLATE "C" NOT NULL,
  price    text COLLATE "C" NOT NULL,
  tier     text COLLATE "C",
  seats    bigint NOT NULL,
  features text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, provider, price)
);

-- Customers of a payment provider.
CREATE TABLE billing_customers (
  tenant     text COLLATE "C" NOT NULL,
  provider   text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  name       text COLLATE "C",
  email      text COLLATE "C",
  is_deleted bigint NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (tenant, provider, id)
);

-- Subscriptions, and the state of their licenses. `until` is the end of the license. `is_held` is 1
-- if billing has revoked the license. `version` counts the changes of the row.
CREATE TABLE billing_subscriptions (
  tenant       text COLLATE "C" NOT NULL,
  provider     text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  customer     text COLLATE "C" NOT NULL,
  status       text COLLATE "C" NOT NULL,
  state        text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'in_grace', 'suspended', 'ended', 'revoked')),
  reason       text COLLATE "C" NOT NULL,
  until        bigint,
  tier         text COLLATE "C",
  seats        bigint,
  license      text COLLATE "C",
  is_held      bigint NOT NULL,
  period_start bigint NOT NULL,
  period_end   bigint NOT NULL,
  cancel_at    bigint,
  created_at   bigint NOT NULL,
  changed_at   bigint NOT NULL,
  checked_at   bigint NOT NULL,
  fault        text COLLATE "C",
  version      bigint NOT NULL,
  PRIMARY KEY (tenant, provider, id),
  FOREIGN KEY (tenant, provider, customer) REFERENCES billing_customers (tenant, provider, id)
);
CREATE INDEX billing_subscriptions_by_customer ON billing_subscriptions (tenant, provider, customer);
CREATE INDEX billing_subscriptions_by_check ON billing_subscriptions (tenant, checked_at);

-- Events of a payment provider with their bodies. An event is stored before it is processed.
CREATE TABLE billing_events (
  tenant       text COLLATE "C" NOT NULL,
  provider     text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  kind         text COLLATE "C" NOT NULL,
  api_version  text COLLATE "C" NOT NULL,
  is_live      bigint NOT NULL,
  created_at   bigint NOT NULL,
  received_at  bigint NOT NULL,
  body         bytea NOT NULL,
  state        text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'applied', 'ignored')),
  subscription text COLLATE "C",
  attempts     bigint NOT NULL,
  next_at      bigint,
  note         text COLLATE "C",
  PRIMARY KEY (tenant, provider, id),
  CHECK ((state = 'waiting') = (next_at IS NOT NULL))
);
CREATE INDEX billing_events_by_time ON billing_events (tenant, next_at);
CREATE INDEX billing_events_by_receipt ON billing_events (tenant, received_at);

-- The time up to which the events of a provider were compared with those in the database.
CREATE TABLE billing_marks (
  tenant        text COLLATE "C" NOT NULL,
  provider      text COLLATE "C" NOT NULL,
  reconciled_at bigint NOT NULL,
  PRIMARY KEY (tenant, provider)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['billing_plans', 'billing_customers', 'billing_subscriptions',
    'billing_events', 'billing_marks'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
