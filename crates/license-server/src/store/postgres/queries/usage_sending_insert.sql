INSERT INTO usage_sendings
  (tenant, id, customer, meter, event, period, number, quantity, at, queued_at, state, attempts, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', 0, $10)
ON CONFLICT DO NOTHING
