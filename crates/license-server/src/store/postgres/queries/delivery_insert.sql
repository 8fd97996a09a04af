INSERT INTO webhook_deliveries
  (tenant, webhook, id, event, kind, body, state, attempts, queued_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, $7)
ON CONFLICT (tenant, webhook, id) DO NOTHING
