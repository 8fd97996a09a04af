SELECT id, name, scopes, digest, created_at, created_by, expires_at, revoked_at, last_used_on, tenant
FROM api_tokens WHERE digest = ?1
