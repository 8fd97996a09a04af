SELECT s.customer, s.created_at, s.period_start, s.period_end FROM billing_subscriptions s
JOIN licenses l ON l.tenant = s.tenant AND l.id = s.license
WHERE s.tenant = $1 AND s.provider = $2 AND l.pool = $3 AND s.state <> 'pending'
ORDER BY s.state = 'ended', s.created_at DESC, s.id LIMIT 1
