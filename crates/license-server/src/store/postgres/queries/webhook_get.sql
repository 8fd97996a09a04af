SELECT id, url, events, description, disabled, created_at, created_by, failing_since, previous_until
FROM webhooks WHERE tenant = $1 AND id = $2
