DELETE FROM idempotent_requests
WHERE tenant = $1 AND caller = $2 AND route = $3 AND key = $4 AND status IS NULL AND node = $5
