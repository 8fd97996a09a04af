INSERT INTO idempotent_requests (tenant, caller, route, key, body, began_at, node)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
