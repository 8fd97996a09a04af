WITH due AS MATERIALIZED (
  SELECT id FROM usage_sendings
  WHERE tenant = $1 AND state = 'waiting' AND next_at <= $2 ORDER BY next_at, id LIMIT $4
  FOR UPDATE SKIP LOCKED
)
UPDATE usage_sendings s
SET attempts = s.attempts + 1, next_at = $3, first_at = coalesce(s.first_at, $2)
FROM due
WHERE s.tenant = $1 AND s.id = due.id
RETURNING s.id, s.customer, s.meter, s.event, s.period, s.number, s.quantity, s.at, s.queued_at, s.state,
  s.attempts, s.first_at, s.error
