DELETE FROM idempotent_requests WHERE status IS NULL
