UPDATE webhooks
SET after_event = coalesce((SELECT last FROM last_events WHERE tenant = ?1), 0)
WHERE tenant = ?1 AND id = ?2
