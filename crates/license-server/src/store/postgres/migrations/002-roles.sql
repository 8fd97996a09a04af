-- Scopes of API tokens: names of roles and permissions, separated by spaces. The digest of a secret
-- finds its token and the tenant of the token.
ALTER TABLE api_tokens
  DROP CONSTRAINT api_tokens_scope_check,
  ADD created_by   text COLLATE "C" NOT NULL DEFAULT 'console',
  ADD last_used_on text COLLATE "C";
ALTER TABLE api_tokens RENAME scope TO scopes;

-- The owner of the tables sees the rows of all tenants meanwhile.
ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit NO FORCE ROW LEVEL SECURITY;
UPDATE api_tokens SET
  scopes = CASE scopes WHEN 'read' THEN 'auditor' ELSE 'owner' END,
  created_by = coalesce(
    (SELECT actor FROM audit
     WHERE audit.tenant = api_tokens.tenant AND subject = api_tokens.id
       AND action IN ('token.create', 'setup.complete')
     LIMIT 1),
    'console');
ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;

ALTER TABLE api_tokens
  ALTER created_by DROP DEFAULT,
  ADD CONSTRAINT api_tokens_scopes_check CHECK (scopes <> '');
DROP INDEX api_tokens_by_digest;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (digest);

-- No tenant has an id that a transaction with a secret states in its place.
ALTER TABLE tenants
  ADD CONSTRAINT tenants_secret_check CHECK (tenant NOT LIKE 'secret:%');

-- A transaction that knows a secret sees the token with this secret, and nothing else.
CREATE POLICY by_secret ON api_tokens FOR SELECT
  USING ('secret:' || encode(digest, 'hex') = current_setting('license_server.tenant', true));
