UPDATE api_tokens SET revoked_at = $3
WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL
