SELECT id, name, scope, digest, created_at, expires_at, revoked_at
FROM api_tokens WHERE tenant = $1 ORDER BY created_at, id
