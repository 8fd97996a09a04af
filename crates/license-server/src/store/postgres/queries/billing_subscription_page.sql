SELECT provider, id, customer, status, state, reason, until, tier, seats, license, is_held, period_start,
  period_end, cancel_at, created_at, changed_at, checked_at, fault, version
FROM billing_subscriptions
WHERE tenant = $1 AND provider = $2 AND id > $3 AND ($4::text = '' OR state = $4)
  AND ($5::text = '' OR customer = $5)
ORDER BY id LIMIT $6
