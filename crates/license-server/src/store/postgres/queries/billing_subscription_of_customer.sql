SELECT s.provider, s.id, s.customer, s.status, s.state, s.reason, s.until, s.tier, s.seats, s.license, s.is_held,
  s.period_start, s.period_end, s.cancel_at, s.created_at, s.changed_at, s.checked_at, s.fault, s.version
FROM billing_subscriptions s
JOIN billing_customers c ON c.tenant = s.tenant AND c.provider = s.provider AND c.id = s.customer
WHERE s.tenant = $1 AND s.provider = $2 AND (c.id = $3 OR lower(c.email) = lower($4))
ORDER BY s.created_at DESC, s.id LIMIT 100
