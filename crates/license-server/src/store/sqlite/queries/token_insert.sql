INSERT INTO api_tokens (tenant, id, name, scopes, digest, created_at, created_by, expires_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
WHERE NOT EXISTS (
  SELECT 1 FROM api_tokens
  WHERE tenant = ?1 AND 'token:' || id = ?7 AND revoked_at IS NOT NULL)
