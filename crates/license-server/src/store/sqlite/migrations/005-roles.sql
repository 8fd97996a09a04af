-- Scopes of API tokens: names of roles and permissions, separated by spaces. The digest of a secret
-- finds its token and the tenant of the token.
CREATE TABLE new_api_tokens (
  tenant       TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  scopes       TEXT    NOT NULL CHECK (scopes <> ''),
  digest       BLOB    NOT NULL CHECK (length(digest) = 32),
  created_at   INTEGER NOT NULL,
  created_by   TEXT    NOT NULL,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  last_used_on TEXT,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_api_tokens
SELECT tenant, id, name, CASE scope WHEN 'read' THEN 'auditor' ELSE 'owner' END, digest, created_at,
  coalesce(
    (SELECT actor FROM audit
     WHERE audit.tenant = api_tokens.tenant AND subject = api_tokens.id
       AND action IN ('token.create', 'setup.complete')
     LIMIT 1),
    'console'),
  expires_at, revoked_at, NULL
FROM api_tokens;
DROP TABLE api_tokens;
ALTER TABLE new_api_tokens RENAME TO api_tokens;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (digest);
