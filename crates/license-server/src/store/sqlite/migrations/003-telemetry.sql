-- Telemetry. An installation is a random id, which nothing else refers to. A deleted installation
-- stays as an id without events until the retention ends, so that a late request stores none.
CREATE TABLE telemetry_installations (
  tenant       TEXT    NOT NULL,
  installation TEXT    NOT NULL,
  commitment   TEXT    NOT NULL,
  last_day     TEXT    NOT NULL,
  is_deleted   INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
  PRIMARY KEY (tenant, installation)
) STRICT, WITHOUT ROWID;
CREATE INDEX telemetry_installations_by_day ON telemetry_installations (tenant, last_day);

-- `event` is the JSON that the user has seen. The columns beside it are for indexes.
CREATE TABLE telemetry_events (
  tenant       TEXT NOT NULL,
  id           TEXT NOT NULL,
  installation TEXT NOT NULL,
  day          TEXT NOT NULL,
  event        TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX telemetry_events_by_day ON telemetry_events (tenant, day);
CREATE INDEX telemetry_events_by_installation ON telemetry_events (tenant, installation);
