INSERT INTO billing_subscriptions (tenant, provider, id, customer, status, state, reason, until, tier, seats, license, is_held, period_start,
  period_end, cancel_at, created_at, changed_at, checked_at, fault, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1)
ON CONFLICT (tenant, provider, id) DO NOTHING
