INSERT INTO setup_secrets (tenant, digest, expires_at)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM api_tokens WHERE tenant = $1)
  AND NOT EXISTS (SELECT 1 FROM members WHERE tenant = $1 AND role = 'owner')
ON CONFLICT (tenant) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at
