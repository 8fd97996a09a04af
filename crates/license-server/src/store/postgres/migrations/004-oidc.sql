-- The settings are JSON. The secret is encrypted with a key outside of the database.
CREATE TABLE identity_providers (
  tenant     text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  settings   text COLLATE "C" NOT NULL,
  secret     bytea,
  version    bigint NOT NULL,
  created_at bigint NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX identity_providers_by_id ON identity_providers (id);

-- The people of a tenant who signed in by a provider. An identity ends with the membership.
-- `departments` are names, one a line.
CREATE TABLE identities (
  tenant      text COLLATE "C" NOT NULL,
  issuer      text COLLATE "C" NOT NULL,
  subject     text COLLATE "C" NOT NULL,
  account     text COLLATE "C" NOT NULL,
  email       text COLLATE "C",
  departments text COLLATE "C" NOT NULL,
  created_at  bigint NOT NULL,
  used_at     bigint NOT NULL,
  PRIMARY KEY (tenant, issuer, subject),
  FOREIGN KEY (tenant, account) REFERENCES members (tenant, account) ON DELETE CASCADE
);
CREATE INDEX identities_by_account ON identities (tenant, account);

-- Digests of values that count once: states of sign-ins, and ids of logout tokens.
CREATE TABLE provider_values (
  tenant     text COLLATE "C" NOT NULL,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  expires_at bigint NOT NULL,
  PRIMARY KEY (tenant, digest)
);

-- The id of the session at the provider by which the person signed in.
ALTER TABLE sessions ADD provider_session text COLLATE "C";
CREATE INDEX sessions_by_provider ON sessions (provider);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['identity_providers', 'identities', 'provider_values'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;

-- A transaction that knows the id of a provider sees this provider, and nothing else.
CREATE POLICY by_id ON identity_providers FOR SELECT
  USING ('provider:' || id = current_setting('license_server.tenant', true));

-- No tenant has an id that a transaction for a provider states in its place.
ALTER TABLE tenants
  ADD CONSTRAINT tenants_provider_check CHECK (tenant NOT LIKE 'provider:%');
