INSERT INTO api_tokens (tenant, id, name, scope, digest, created_at, expires_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
