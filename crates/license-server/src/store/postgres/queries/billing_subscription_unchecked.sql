SELECT id FROM billing_subscriptions
WHERE tenant = $1 AND provider = $2 AND checked_at < $3
  AND (status NOT IN ('canceled', 'incomplete_expired') OR until > $3)
ORDER BY checked_at, id LIMIT $4
