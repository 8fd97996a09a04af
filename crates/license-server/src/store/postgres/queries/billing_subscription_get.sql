SELECT provider, id, customer, status, state, reason, until, tier, seats, license, is_held, period_start,
  period_end, cancel_at, created_at, changed_at, checked_at, fault, version
FROM billing_subscriptions
WHERE tenant = $1 AND provider = $2 AND id = $3
