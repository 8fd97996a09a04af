SELECT provider, id, customer, status, state, reason, until, tier, seats, license, is_held, period_start,
  period_end, cancel_at, created_at, changed_at, checked_at, fault, version
FROM billing_subscriptions
WHERE tenant = $1 AND provider = $2
  AND license IN (SELECT id FROM licenses WHERE tenant = $1 AND pool = $3)
ORDER BY created_at DESC, id LIMIT 1
