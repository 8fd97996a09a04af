UPDATE webhooks
SET url = $3, events = $4, description = $5, disabled = $6, failing_since = $7
WHERE tenant = $1 AND id = $2
