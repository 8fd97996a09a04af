UPDATE tenants
SET last_event = greatest(last_event, coalesce((SELECT max(seq) FROM events WHERE tenant = $1), 0))
WHERE tenant = $1
