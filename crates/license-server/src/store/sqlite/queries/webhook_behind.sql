SELECT w.id, w.events, w.after_event,
  (SELECT count(*) FROM webhook_deliveries d
   WHERE d.tenant = w.tenant AND d.webhook = w.id AND d.next_at IS NOT NULL)
FROM webhooks w
WHERE w.tenant = ?1 AND w.disabled IS NULL
  AND w.after_event < coalesce((SELECT last FROM last_events WHERE tenant = ?1), 0)
ORDER BY w.id
