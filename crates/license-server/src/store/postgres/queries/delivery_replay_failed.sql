UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, queued_at = $4, next_at = $4
WHERE tenant = $1 AND webhook = $2 AND id IN (
  SELECT id FROM webhook_deliveries
  WHERE tenant = $1 AND webhook = $2 AND state = 'failed' AND event IS NOT NULL AND queued_at >= $3
  ORDER BY id LIMIT $5)
