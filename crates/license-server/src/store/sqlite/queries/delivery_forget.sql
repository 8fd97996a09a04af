DELETE FROM webhook_deliveries WHERE tenant = ?1 AND (webhook, id) IN (
  SELECT webhook, id FROM webhook_deliveries
  WHERE tenant = ?1 AND last_at < ?2 AND state <> 'waiting'
  LIMIT 10000)
