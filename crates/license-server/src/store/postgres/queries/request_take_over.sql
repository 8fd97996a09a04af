UPDATE idempotent_requests SET body = $5, began_at = $6, node = $7
WHERE tenant = $1 AND caller = $2 AND route = $3 AND key = $4 AND status IS NULL
