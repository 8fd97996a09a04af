UPDATE usage_sendings
SET attempts = attempts + 1, next_at = ?3, first_at = coalesce(first_at, ?2)
WHERE (tenant, id) IN (
  SELECT tenant, id FROM usage_sendings
  WHERE tenant = ?1 AND state = 'waiting' AND next_at <= ?2 ORDER BY next_at, id LIMIT ?4)
RETURNING id, customer, meter, event, period, number, quantity, at, queued_at, state, attempts, first_at,
  error
