UPDATE billing_subscriptions
SET customer = $4, status = $5, state = $6, reason = $7, until = $8, tier = $9, seats = $10,
  license = $11, is_held = $12, period_start = $13, period_end = $14, cancel_at = $15,
  created_at = $16, changed_at = $17, checked_at = $18, fault = $19, version = version + 1
WHERE tenant = $1 AND provider = $2 AND id = $3 AND version = $20
