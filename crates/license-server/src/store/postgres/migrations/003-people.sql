-- Accounts of people belong to no tenant. `members` joins them to tenants. A name is known for a
-- tenant that a person registered.
ALTER TABLE tenants ADD name text COLLATE "C";

-- An account that an identity provider vouches for has no address. `password` is a PHC string.
-- `totp_secret` is encrypted with a key outside of the database, and
-- `totp_step` is the time step of the last accepted code: none before a code confirmed the secret.
CREATE TABLE accounts (
  id          text COLLATE "C" NOT NULL PRIMARY KEY,
  email       text COLLATE "C",
  name        text COLLATE "C" NOT NULL,
  password    text COLLATE "C",
  totp_secret bytea,
  totp_step   bigint,
  created_at  bigint NOT NULL,
  verified_at bigint
);
CREATE UNIQUE INDEX accounts_by_email ON accounts (email);

-- The digests of recovery codes that were not used.
CREATE TABLE recovery_codes (
  account text COLLATE "C" NOT NULL,
  digest  bytea NOT NULL CHECK (octet_length(digest) = 32),
  PRIMARY KEY (account, digest),
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
);

-- `organization` is the tenant in which the person works. A person who signed in by an identity
-- provider stays there.
CREATE TABLE sessions (
  id           text COLLATE "C" NOT NULL PRIMARY KEY,
  digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
  account      text COLLATE "C" NOT NULL,
  organization text COLLATE "C",
  created_at   bigint NOT NULL,
  last_used_at bigint NOT NULL,
  expires_at   bigint NOT NULL,
  address      text COLLATE "C" NOT NULL,
  user_agent   text COLLATE "C" NOT NULL,
  provider     text COLLATE "C",
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX sessions_by_digest ON sessions (digest);
CREATE INDEX sessions_by_account ON sessions (account);

-- Links that people get by mail. A link without an account creates one.
CREATE TABLE account_links (
  digest     bytea NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
  purpose    text COLLATE "C" NOT NULL CHECK (purpose IN ('registration', 'password_reset', 'email_change')),
  email      text COLLATE "C" NOT NULL,
  account    text COLLATE "C",
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  FOREIGN KEY (account) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE INDEX account_links_by_email ON account_links (email);
CREATE INDEX account_links_by_account ON account_links (account);

CREATE TABLE members (
  tenant    text COLLATE "C" NOT NULL,
  account   text COLLATE "C" NOT NULL,
  role      text COLLATE "C" NOT NULL,
  joined_at bigint NOT NULL,
  PRIMARY KEY (tenant, account),
  FOREIGN KEY (account) REFERENCES accounts (id)
);
CREATE INDEX members_by_account ON members (account);

CREATE TABLE invitations (
  tenant     text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  email      text COLLATE "C" NOT NULL,
  role       text COLLATE "C" NOT NULL,
  digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
  created_at bigint NOT NULL,
  created_by text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL,
  is_mailed  bigint NOT NULL CHECK (is_mailed IN (0, 1)),
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX invitations_by_digest ON invitations (digest);
CREATE UNIQUE INDEX invitations_by_email ON invitations (tenant, email);

-- An export of an account lists the entries that it caused.
CREATE INDEX audit_by_actor ON audit (tenant, actor, seq);

-- A transaction that knows a secret sees the invitation with this secret. A transaction for an
-- account sees its memberships and the names of its tenants. A transaction of a tenant sees the
-- accounts of its members. A transaction for all tenants sees the accounts, and no rows of tenants.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['members', 'invitations'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
  FOREACH name IN ARRAY ARRAY['accounts', 'recovery_codes', 'sessions', 'account_links'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY all_accounts ON %I USING (current_setting(%L, true) = %L)',
      name, 'license_server.tenant', '*');
  END LOOP;
END
$$;
CREATE POLICY by_secret ON invitations FOR SELECT
  USING ('secret:' || encode(digest, 'hex') = current_setting('license_server.tenant', true));
CREATE POLICY of_account ON members FOR SELECT
  USING ('account:' || account = current_setting('license_server.tenant', true));
CREATE POLICY of_account ON tenants FOR SELECT
  USING (EXISTS (
    SELECT 1 FROM members
    WHERE members.tenant = tenants.tenant
      AND 'account:' || members.account = current_setting('license_server.tenant', true)));
CREATE POLICY of_members ON accounts FOR SELECT
  USING (EXISTS (
    SELECT 1 FROM members
    WHERE members.account = accounts.id
      AND members.tenant = current_setting('license_server.tenant', true)));

-- No tenant has an id that a transaction for an account states in its place.
ALTER TABLE tenants
  ADD CONSTRAINT tenants_account_check CHECK (tenant NOT LIKE 'account:%');
