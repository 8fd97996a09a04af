-- The history of floating seats. `hour` is the number of hours since 1970 UTC, and `day` that of days.
-- The pool '' stands for all pools of the tenant. Each row is a sum of what happened on all servers.
-- `capacity_low` and `capacity_high` are the bounds of the number of seats; 4294967295 is unlimited.
CREATE TABLE seat_hours (
  tenant          TEXT    NOT NULL,
  pool            TEXT    NOT NULL,
  hour            INTEGER NOT NULL,
  capacity_low    INTEGER NOT NULL,
  capacity_high   INTEGER NOT NULL,
  held_high       INTEGER NOT NULL,
  held_ms         INTEGER NOT NULL,
  full_ms         INTEGER NOT NULL,
  granted         INTEGER NOT NULL,
  overage         INTEGER NOT NULL,
  queued          INTEGER NOT NULL,
  waits           INTEGER NOT NULL,
  waited_ms       INTEGER NOT NULL,
  longest_wait_ms INTEGER NOT NULL,
  abandoned       INTEGER NOT NULL,
  queue_high      INTEGER NOT NULL,
  PRIMARY KEY (tenant, pool, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_hours_by_hour ON seat_hours (tenant, hour);

CREATE TABLE seat_denials (
  tenant TEXT    NOT NULL,
  pool   TEXT    NOT NULL,
  hour   INTEGER NOT NULL,
  code   TEXT    NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (tenant, pool, hour, code)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_denials_by_hour ON seat_denials (tenant, hour);

-- The requests for seats of a day, by the number of seats that they needed to be served at once.
CREATE TABLE seat_demand (
  tenant  TEXT    NOT NULL,
  pool    TEXT    NOT NULL,
  day     INTEGER NOT NULL,
  level   INTEGER NOT NULL,
  granted INTEGER NOT NULL,
  queued  INTEGER NOT NULL,
  denied  INTEGER NOT NULL,
  PRIMARY KEY (tenant, pool, day, level)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_demand_by_day ON seat_demand (tenant, day);
