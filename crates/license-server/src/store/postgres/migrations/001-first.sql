-- The first version. The tables and columns are those of the SQLite store, and the columns and
-- tables that several servers need. Integers are `bigint`, and JSON is `text`, so that a row has the
-- same values in both databases. Times are milliseconds since 1970 UTC, or readings of the lease
-- clock where the name ends with `_lease`. Texts are compared by their bytes, as in SQLite.

-- One row: the version of the schema.
CREATE TABLE schema_version (
  "only"    bigint NOT NULL PRIMARY KEY CHECK ("only" = 1),
  version bigint NOT NULL CHECK (version >= 1)
);
INSERT INTO schema_version VALUES (1, 1);

-- One row: the reading of the lease clock in milliseconds, the node that advances it, and a number
-- that increases when another node takes over. `restored_lease` is the reading at which a node found
-- that the database was restored.
CREATE TABLE lease_clock (
  "only"           bigint NOT NULL PRIMARY KEY CHECK ("only" = 1),
  now_lease      bigint NOT NULL CHECK (now_lease >= 0),
  owner          text COLLATE "C",
  epoch          bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  restored_lease bigint CHECK (restored_lease >= 0)
) WITH (fillfactor = 10);
INSERT INTO lease_clock VALUES (1, 0, NULL, 0, NULL);

-- The running servers of the database. `redis_run` is the run of Redis to which the server is
-- connected.
CREATE TABLE nodes (
  node       text COLLATE "C" NOT NULL PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  version    text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL,
  seen_lease bigint NOT NULL CHECK (seen_lease >= 0),
  redis_run  text COLLATE "C"
) WITH (fillfactor = 50);

-- One row: whether renewals may be in Redis, and the run of Redis that has them. The epoch increases
-- with each change.
CREATE TABLE redis_epoch (
  "only"       bigint NOT NULL PRIMARY KEY CHECK ("only" = 1),
  epoch      bigint NOT NULL CHECK (epoch >= 1),
  is_on      bigint NOT NULL CHECK (is_on IN (0, 1)),
  run_id     text COLLATE "C",
  changed_at bigint NOT NULL DEFAULT 0
);
INSERT INTO redis_epoch VALUES (1, 1, 0, NULL, 0);

-- One row, if a server has used the database: the identity of the database at that time. A restored
-- or promoted database has another one.
CREATE TABLE database_identity (
  "only"     bigint NOT NULL PRIMARY KEY CHECK ("only" = 1),
  identity text COLLATE "C" NOT NULL
);

-- One row: the first fencing number of new pools. A restore raises it.
CREATE TABLE fencing (
  "only"      bigint NOT NULL PRIMARY KEY CHECK ("only" = 1),
  first_seq bigint NOT NULL CHECK (first_seq BETWEEN 1 AND 9007199254740991)
);
INSERT INTO fencing VALUES (1, 1);

-- The number that changes with the content that servers cache, the numbers of the last event and
-- usage report, and whether a license was ever installed. A change that takes a number locks the row.
-- The nodes have no common directory, so they share the id of the key that they must have, and the
-- public keys of the vendor.
CREATE TABLE tenants (
  tenant          text COLLATE "C" NOT NULL PRIMARY KEY CHECK (tenant <> '*'),
  content_version bigint NOT NULL DEFAULT 0,
  last_event      bigint NOT NULL DEFAULT 0,
  last_usage      bigint NOT NULL DEFAULT 0,
  had_license     bigint NOT NULL DEFAULT 0 CHECK (had_license IN (0, 1)),
  server_key      text COLLATE "C",
  trust_set       text COLLATE "C"
) WITH (fillfactor = 50);

CREATE TABLE licenses (
  tenant       text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  number       bigint NOT NULL,
  pool         text COLLATE "C" NOT NULL,
  key          text COLLATE "C",
  short_key    text COLLATE "C",
  product      text COLLATE "C" NOT NULL,
  customer     text COLLATE "C" NOT NULL,
  token        text COLLATE "C" NOT NULL,
  installed_at bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX licenses_by_number ON licenses (tenant, number);
CREATE INDEX licenses_by_pool ON licenses (tenant, pool, number);
CREATE INDEX licenses_by_key ON licenses (tenant, key);
CREATE INDEX licenses_by_short_key ON licenses (tenant, short_key);

-- The licenses that a license replaces, which may not be installed.
CREATE TABLE superseded_licenses (
  tenant    text COLLATE "C" NOT NULL,
  license   text COLLATE "C" NOT NULL,
  successor text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, license, successor),
  FOREIGN KEY (tenant, successor) REFERENCES licenses (tenant, id) ON DELETE CASCADE
);
CREATE INDEX superseded_licenses_by_successor ON superseded_licenses (tenant, successor);

CREATE TABLE revocation_lists (
  tenant      text COLLATE "C" NOT NULL,
  product     text COLLATE "C" NOT NULL,
  issuer      text COLLATE "C" NOT NULL,
  seq         bigint NOT NULL,
  armor       text COLLATE "C" NOT NULL,
  digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
  imported_at bigint NOT NULL,
  PRIMARY KEY (tenant, product, issuer)
);

-- A statement can be longer than an index entry of PostgreSQL, so no index refuses a second copy. An
-- import locks the row of its tenant instead.
CREATE TABLE trust_statements (
  tenant      text COLLATE "C" NOT NULL,
  number      bigint NOT NULL,
  armor       text COLLATE "C" NOT NULL,
  imported_at bigint NOT NULL,
  PRIMARY KEY (tenant, number)
);

CREATE TABLE machines (
  tenant     text COLLATE "C" NOT NULL,
  license    text COLLATE "C" NOT NULL,
  machine    text COLLATE "C" NOT NULL,
  version    text COLLATE "C",
  first_seen bigint NOT NULL,
  last_seen  bigint NOT NULL,
  PRIMARY KEY (tenant, license, machine)
);
CREATE INDEX machines_by_last_use ON machines (tenant, license, last_seen);

CREATE TABLE activations (
  tenant       text COLLATE "C" NOT NULL,
  number       bigint NOT NULL,
  nonce        text COLLATE "C" NOT NULL,
  license      text COLLATE "C" NOT NULL,
  machine      text COLLATE "C" NOT NULL,
  request      text COLLATE "C" NOT NULL,
  requested_at bigint NOT NULL,
  answer       text COLLATE "C",
  answered_at  bigint,
  receipt      text COLLATE "C",
  state        text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'answered', 'deactivated')),
  PRIMARY KEY (tenant, nonce)
);
CREATE UNIQUE INDEX activations_by_number ON activations (tenant, number);
CREATE INDEX activations_by_state ON activations (tenant, state, number);
CREATE INDEX activations_by_license ON activations (tenant, license, state);

CREATE TABLE usage_reports (
  tenant      text COLLATE "C" NOT NULL,
  number      bigint NOT NULL,
  license     text COLLATE "C" NOT NULL,
  digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
  product     text COLLATE "C" NOT NULL,
  report      text COLLATE "C" NOT NULL,
  bytes       bigint NOT NULL,
  entries     bigint NOT NULL,
  received_at bigint NOT NULL,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, digest)
);
CREATE INDEX usage_reports_by_license ON usage_reports (tenant, license, bytes);

-- Seats. `body` is the row of license-seats as JSON; the columns beside it are for indexes and
-- constraints. `version` counts the batches that changed the pool, `now_lease` is the reading of the
-- lease clock at the last of them, and `deadline_lease` is the time at which a tick has work to do.
-- `redis_epoch` is the epoch under which renewals may be in Redis, or 0. `lifted_to` is the first
-- fencing number of the restore that the pool has followed.
CREATE TABLE pools (
  tenant         text COLLATE "C" NOT NULL,
  pool           text COLLATE "C" NOT NULL,
  terms          text COLLATE "C" NOT NULL,
  next_seq       bigint NOT NULL CHECK (next_seq >= 1),
  held           bigint NOT NULL CHECK (held >= 0),
  ceiling        bigint NOT NULL,
  counters       text COLLATE "C" NOT NULL,
  version        bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
  now_lease      bigint NOT NULL DEFAULT 0 CHECK (now_lease >= 0),
  deadline_lease bigint CHECK (deadline_lease >= 0),
  redis_epoch    bigint NOT NULL DEFAULT 0 CHECK (redis_epoch >= 0),
  lifted_to      bigint NOT NULL DEFAULT 1 CHECK (lifted_to >= 1),
  PRIMARY KEY (tenant, pool),
  CHECK (held <= ceiling)
) WITH (fillfactor = 50);
CREATE INDEX pools_by_deadline ON pools (tenant, deadline_lease)
  WHERE deadline_lease IS NOT NULL;

-- The changes of each version of a pool as JSON, which the other nodes follow.
CREATE TABLE pool_changes (
  tenant  text COLLATE "C" NOT NULL,
  pool    text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  changes text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pool, version)
);

CREATE TABLE leases (
  tenant      text COLLATE "C" NOT NULL,
  pool        text COLLATE "C" NOT NULL,
  session     text COLLATE "C" NOT NULL,
  seq         bigint NOT NULL,
  until_lease bigint NOT NULL,
  body        text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pool, session)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX leases_by_seq ON leases (tenant, pool, seq);

CREATE TABLE ended_leases (
  tenant   text COLLATE "C" NOT NULL,
  pool     text COLLATE "C" NOT NULL,
  session  text COLLATE "C" NOT NULL,
  seq      bigint NOT NULL,
  ended_at bigint NOT NULL,
  body     text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pool, session)
);

CREATE TABLE tickets (
  tenant  text COLLATE "C" NOT NULL,
  pool    text COLLATE "C" NOT NULL,
  ticket  text COLLATE "C" NOT NULL,
  session text COLLATE "C" NOT NULL,
  body    text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pool, ticket)
);
CREATE UNIQUE INDEX tickets_by_session ON tickets (tenant, pool, session);

CREATE TABLE seat_policies (
  tenant text COLLATE "C" NOT NULL,
  pool   text COLLATE "C" NOT NULL,
  policy text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pool)
);

-- Administration.
CREATE TABLE setup_secrets (
  tenant     text COLLATE "C" NOT NULL PRIMARY KEY,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  expires_at bigint NOT NULL
);

CREATE TABLE api_tokens (
  tenant     text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  scope      text COLLATE "C" NOT NULL CHECK (scope IN ('read', 'admin')),
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  created_at bigint NOT NULL,
  expires_at bigint,
  revoked_at bigint,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (tenant, digest);

CREATE TABLE audit (
  tenant  text COLLATE "C" NOT NULL,
  seq     bigint NOT NULL,
  at      text COLLATE "C" NOT NULL,
  actor   text COLLATE "C" NOT NULL,
  action  text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  details text COLLATE "C" NOT NULL,
  hash    bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (tenant, seq)
);

-- The end of the audit trail, so that entries removed from the end are missed.
CREATE TABLE audit_heads (
  tenant text COLLATE "C" NOT NULL PRIMARY KEY,
  seq    bigint NOT NULL,
  hash   bytea NOT NULL CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);

CREATE TABLE events (
  tenant  text COLLATE "C" NOT NULL,
  seq     bigint NOT NULL,
  at      bigint NOT NULL,
  kind    text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  details text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, seq)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_lasts BEFORE TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- `node` is the node that runs the request. A request of a node that is gone was interrupted.
CREATE TABLE idempotent_requests (
  tenant       text COLLATE "C" NOT NULL,
  caller       text COLLATE "C" NOT NULL,
  route        text COLLATE "C" NOT NULL,
  key          text COLLATE "C" NOT NULL,
  body         bytea NOT NULL CHECK (octet_length(body) = 32),
  began_at     bigint NOT NULL,
  status       bigint,
  content_type text COLLATE "C",
  response     bytea,
  node         text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, caller, route, key)
);
CREATE INDEX idempotent_requests_by_time ON idempotent_requests (tenant, began_at);

-- The last entry of the vendor's ledger whose content is in this database.
CREATE TABLE ledger_positions (
  tenant text COLLATE "C" NOT NULL PRIMARY KEY,
  seq    bigint NOT NULL CHECK (seq > 0),
  hash   bytea NOT NULL
);

-- Telemetry. An installation is a random id, which nothing else refers to. A deleted installation
-- stays as an id without events until the retention ends, so that a late request stores none.
CREATE TABLE telemetry_installations (
  tenant       text COLLATE "C" NOT NULL,
  installation text COLLATE "C" NOT NULL,
  commitment   text COLLATE "C" NOT NULL,
  last_day     text COLLATE "C" NOT NULL,
  is_deleted   bigint NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
  PRIMARY KEY (tenant, installation)
);
CREATE INDEX telemetry_installations_by_day ON telemetry_installations (tenant, last_day);

-- `event` is the JSON that the user has seen. The columns beside it are for indexes.
CREATE TABLE telemetry_events (
  tenant       text COLLATE "C" NOT NULL,
  id           text COLLATE "C" NOT NULL,
  installation text COLLATE "C" NOT NULL,
  day          text COLLATE "C" NOT NULL,
  event        text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX telemetry_events_by_day ON telemetry_events (tenant, day);
CREATE INDEX telemetry_events_by_installation ON telemetry_events (tenant, installation);

-- A transaction sees and writes the rows of its own tenant only. `FORCE` includes the owner of the
-- tables, which is the role of the server.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'tenants', 'licenses', 'superseded_licenses', 'revocation_lists', 'trust_statements',
    'machines', 'activations', 'usage_reports', 'pools', 'pool_changes', 'leases', 'ended_leases',
    'tickets', 'seat_policies', 'setup_secrets', 'api_tokens', 'audit', 'audit_heads', 'events',
    'idempotent_requests', 'ledger_positions', 'telemetry_installations', 'telemetry_events'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
-- A transaction for all tenants can list them, and nothing else.
CREATE POLICY list_of_tenants ON tenants FOR SELECT
  USING (current_setting('license_server.tenant', true) = '*');
