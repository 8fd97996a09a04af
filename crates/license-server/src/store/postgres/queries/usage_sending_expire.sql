UPDATE usage_sendings SET state = 'uncertain'
WHERE tenant = $1 AND state = 'waiting' AND next_at <= $2 AND first_at < $3
RETURNING id, customer, meter, event, period, number, quantity, at, queued_at, state, attempts, first_at,
  error
