DELETE FROM idempotent_requests WHERE tenant = $1 AND began_at < $2
