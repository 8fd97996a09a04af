UPDATE idempotent_requests SET status = $5, content_type = $6, response = $7
WHERE tenant = $1 AND caller = $2 AND route = $3 AND key = $4 AND status IS NULL AND node = $8
