SELECT id, customer, meter, event, period, number, quantity, at, queued_at, state, attempts, first_at,
  error
FROM usage_sendings WHERE tenant = $1 AND id > $2 AND ($3::text = '' OR state = $3) ORDER BY id LIMIT $4
