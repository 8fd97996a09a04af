INSERT INTO api_tokens (tenant, id, name, scopes, digest, created_at, created_by, expires_at)
SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::text, $8::bigint
WHERE NOT EXISTS (
  SELECT 1 FROM api_tokens
  WHERE tenant = $1 AND 'token:' || id = $7 AND revoked_at IS NOT NULL)
