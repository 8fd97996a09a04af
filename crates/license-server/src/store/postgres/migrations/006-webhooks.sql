-- Entries of the audit trail of format 2: the address of the caller, and the state before the change
-- as JSON. Earlier entries have format 1.
ALTER TABLE audit
  ADD format  bigint NOT NULL DEFAULT 1,
  ADD address text COLLATE "C",
  ADD former  text COLLATE "C";

-- The number of endpoints, so that the sender finds the tenants that have some.
ALTER TABLE tenants ADD webhooks bigint NOT NULL DEFAULT 0;

-- Endpoints that receive events. `after_event` is the number of the last event for which deliveries
-- were queued. `failing_since` and `failed_at` are the first and the last failure since the last success.
-- The secrets sign deliveries. They are sealed with a key that is not in the database.
CREATE TABLE webhooks (
  tenant          text COLLATE "C" NOT NULL,
  id              text COLLATE "C" NOT NULL,
  url             text COLLATE "C" NOT NULL,
  events          text COLLATE "C" NOT NULL,
  description     text COLLATE "C" NOT NULL,
  disabled        text COLLATE "C" CHECK (disabled IN ('administrator', 'gone', 'failing')),
  created_at      bigint NOT NULL,
  created_by      text COLLATE "C" NOT NULL,
  failing_since   bigint,
  failed_at       bigint,
  secret          bytea NOT NULL,
  previous_secret bytea,
  previous_until  bigint,
  after_event     bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- Deliveries to endpoints. The id starts with the time of the event, so that it orders deliveries.
CREATE TABLE webhook_deliveries (
  tenant        text COLLATE "C" NOT NULL,
  webhook       text COLLATE "C" NOT NULL,
  id            text COLLATE "C" NOT NULL,
  event         bigint,
  kind          text COLLATE "C" NOT NULL,
  body          text COLLATE "C" NOT NULL,
  state         text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts      bigint NOT NULL,
  queued_at     bigint NOT NULL,
  next_at       bigint,
  last_at       bigint,
  last_status   bigint,
  last_error    text COLLATE "C",
  last_response text COLLATE "C",
  PRIMARY KEY (tenant, webhook, id),
  FOREIGN KEY (tenant, webhook) REFERENCES webhooks (tenant, id) ON DELETE CASCADE,
  CHECK ((state = 'waiting') = (next_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (tenant, next_at);
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (tenant, last_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['webhooks', 'webhook_deliveries'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
