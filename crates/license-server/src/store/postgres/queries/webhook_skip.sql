UPDATE webhooks
SET after_event = coalesce((SELECT last_event FROM tenants WHERE tenant = $1), 0)
WHERE tenant = $1 AND id = $2
