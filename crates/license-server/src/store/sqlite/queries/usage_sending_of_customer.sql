SELECT id, customer, meter, event, period, number, quantity, at, queued_at, state, attempts, first_at,
  error
FROM usage_sendings WHERE tenant = ?1 AND customer = ?2 ORDER BY meter, period, number
