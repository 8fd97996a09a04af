SELECT id, name, scopes, digest, created_at, created_by, expires_at, revoked_at, last_used_on
FROM api_tokens WHERE tenant = $1 ORDER BY created_at, id
