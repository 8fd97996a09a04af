INSERT INTO webhooks (tenant, id, url, events, description, created_at, created_by, secret, after_event)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
  coalesce((SELECT last FROM last_events WHERE tenant = ?1), 0)
WHERE (SELECT count(*) FROM webhooks WHERE tenant = ?1) < ?9
