UPDATE billing_events
SET state = $4, subscription = coalesce($5, subscription), next_at = $6, note = $7,
  attempts = attempts + 1
WHERE tenant = $1 AND provider = $2 AND id = $3 AND state = 'waiting'
