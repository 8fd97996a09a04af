-- The history of floating seats. `hour` is the number of hours since 1970 UTC, and `day` that of days.
-- The pool '' stands for all pools of the tenant. Each row is a sum of what happened on all servers.
-- `capacity_low` and `capacity_high` are the bounds of the number of seats; 4294967295 is unlimited.
CREATE TABLE seat_hours (
  tenant          text COLLATE "C" NOT NULL,
  pool            text COLLATE "C" NOT NULL,
  hour            bigint NOT NULL,
  capacity_low    bigint NOT NULL,
  capacity_high   bigint NOT NULL,
  held_high       bigint NOT NULL,
  held_ms         bigint NOT NULL,
  full_ms         bigint NOT NULL,
  granted         bigint NOT NULL,
  overage         bigint NOT NULL,
  queued          bigint NOT NULL,
  waits           bigint NOT NULL,
  waited_ms       bigint NOT NULL,
  longest_wait_ms bigint NOT NULL,
  abandoned       bigint NOT NULL,
  queue_high      bigint NOT NULL,
  PRIMARY KEY (tenant, pool, hour)
) WITH (fillfactor = 70);
CREATE INDEX seat_hours_by_hour ON seat_hours (tenant, hour);

CREATE TABLE seat_denials (
  tenant text COLLATE "C" NOT NULL,
  pool   text COLLATE "C" NOT NULL,
  hour   bigint NOT NULL,
  code   text COLLATE "C" NOT NULL,
  count  bigint NOT NULL,
  PRIMARY KEY (tenant, pool, hour, code)
) WITH (fillfactor = 70);
CREATE INDEX seat_denials_by_hour ON seat_denials (tenant, hour);

-- The requests for seats of a day, by the number of seats that they needed to be served at once.
CREATE TABLE seat_demand (
  tenant  text COLLATE "C" NOT NULL,
  pool    text COLLATE "C" NOT NULL,
  day     bigint NOT NULL,
  level   bigint NOT NULL,
  granted bigint NOT NULL,
  queued  bigint NOT NULL,
  denied  bigint NOT NULL,
  PRIMARY KEY (tenant, pool, day, level)
) WITH (fillfactor = 70);
CREATE INDEX seat_demand_by_day ON seat_demand (tenant, day);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['seat_hours', 'seat_denials', 'seat_demand'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
